"""The floor every other package stands on: errors, ids, time, JSON text, logs.

Must not know: JSON-RPC, ACP, models, sessions, or any third-party package but msgspec.
Start reading at `errors.py`.
"""
