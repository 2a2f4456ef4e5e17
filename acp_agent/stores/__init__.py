"""Where journals live: in memory, in JSON files, in one SQLite file, in a PostgreSQL database.

Must not know: sessions that run, any wire format, other adapters; what events mean, but for two things: which
of them say something that can be searched for (`said.py`), and which ends a turn.
Start reading at `memory.py`, the contract in its shortest form.
"""
