"""The engine's vocabulary: content, events, tool calls, permissions, chat. Values only, no I/O.

Shaped like ACP v2 (upserts, message ids, explicit ends), because v2 → v1 is a loss we can compute and
v1 → v2 would be a guess. Must not know: JSON-RPC, any wire format, pydantic. All values are frozen.
Start reading at `events.py`.
"""
