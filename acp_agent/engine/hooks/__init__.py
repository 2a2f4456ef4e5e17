"""Hooks: who is asked at which moment of a session's work, in which order, and what their answers do.

Must not know how a hook answers, whether by a function or by a command. Start reading at `session_hooks.py`.
"""
