"""Serves an agent to one client: the first answer, the connection, the process's life.

Must not know: the SDK that composes agents, the command line. Start reading at `serve.py`.
"""
