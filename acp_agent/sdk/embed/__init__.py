"""The agent as a library: agents, sessions, runs and their events, in an async and a blocking form.

Must not know: the wire, the process that serves editors. It is one more host of the engine.
Start reading at `agent` (async), `sessions`, then `blocking`.
"""
