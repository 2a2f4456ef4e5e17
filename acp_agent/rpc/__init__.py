"""JSON-RPC 2.0 between two equals over lines of text.

Must not know: ACP, sessions, models. Method names with a meaning of their own (cancellation, the calls
handled in the receive loop) arrive as constructor arguments. Start reading at `peer.py`.
"""
