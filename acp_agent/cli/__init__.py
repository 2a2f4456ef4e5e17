"""The command line: arguments in, text and exit codes out.

Each command is one module with a `main`. Must not know: how anything works; commands call `sdk`, `server` and
`client`. Start reading at `main.py`; `__main__.py` goes past it when an editor starts the agent.
"""
