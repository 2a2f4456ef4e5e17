"""Sessions as programs have them: what can be said to one, asked of it and done in it. Know no editor.

Start reading at `session`.
"""
