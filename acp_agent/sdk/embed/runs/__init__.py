"""Runs: their records, their streams, their results. Start none.

Start reading at `session_runs`.
"""
