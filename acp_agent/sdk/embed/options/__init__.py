"""The options of a session: names, types, spellings. Know no engine.

Start reading at `session_options`.
"""
