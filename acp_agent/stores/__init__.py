"""Where journals live: in memory, or in one SQLite file.

Must not know: what events mean, sessions that run, any wire format, other adapters.
Start reading at `memory.py`, the contract in its shortest form.
"""
