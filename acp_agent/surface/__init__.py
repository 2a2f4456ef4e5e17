"""The only code that knows ACP's wire: what clients send, what they are sent.

Must not know: providers, tools, stores, workspaces (its siblings), transports. `handshake.py` and the
`capabilities.py` of each version use the standard library only, because the answer to `initialize` leaves
before anything else is loaded. Start reading at `handshake.py`, then `v1/router.py`.
"""
