"""Aids: what helps a session besides its model and its tools. Memory, providers of context, security.

Here they are brought to a turn: asked before it, told after it. What each is made of is elsewhere
(`engine/memory`, `engine/security`, adapters of `ports/context.py`). Must not know: where they are from, who
configured them.
Start reading at `aids.py`, which says which a session has; `attending.py` is a turn with them.
"""
