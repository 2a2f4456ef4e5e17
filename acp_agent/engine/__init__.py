"""Decides: sessions, turns, permissions, history. Touches the world only through `acp_agent.ports`.

Must not know: JSON-RPC, any wire format, pydantic, httpx, mcp, files or processes.
Start reading at `session.py` (the actor), then `turn.py` (the model ⇄ tools loop).
"""
