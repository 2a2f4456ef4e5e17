"""From options and settings to what the engine takes. Knows no session that is open already.

Start reading at `session_opening`.
"""
