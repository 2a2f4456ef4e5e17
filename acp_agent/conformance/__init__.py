"""Judges whether an agent keeps the Agent Client Protocol: requirements, their stage, reports.

Must not know: how any agent is made, ours included; it speaks to processes over their standard streams.
Start reading at `requirement.py`, then any module of `checks`, then `stage.py`.
"""
