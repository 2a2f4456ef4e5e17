"""Lanes: how much of a session's work goes on at once, and what of it the program does itself.

Must not know the engine's session. Start reading at `session_queue.py`.
"""
