"""Lines nobody should send, clients that are slow, and what an agent leaves behind when it ends.

Must not know: how an agent is made, beyond that it is a process.
Start reading at `robustness.py`.
"""
