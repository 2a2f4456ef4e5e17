"""Subagents of an embedded session: options, definitions, tasks. Knows no model and no wire.

Start reading at `session_tasks`.
"""
