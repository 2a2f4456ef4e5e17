"""Tool calls as clients draw them, the permission they need, plans, and the servers that bring more tools.

Must not know: what a client does with files and terminals of its own.
Start reading at `tool_calls.py`.
"""
