"""Git for models that would rather not write shell lines: what is asked for as a command, and what it may do.

It must not know: who allows a call, or how a shell is started. Start reading at `tool.py`.
"""
