"""Limits: how long a prompt may be worked on, and what a session may use up.

Must not know who set a limit. Start reading at `budget.py`.
"""
