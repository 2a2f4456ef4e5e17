"""Latency, throughput and memory of the agent beside two baselines, measured from outside over stdio.

Must not know: anything inside `acp_agent`; every contender is a command that speaks the protocol.
Start reading at `figures.py`, which says what is measured; `README.md` says what the figures mean.
"""
