"""Building an agent from settings and parts, for embedders and for the command line.

The composition root: the only package that knows every provider, tool and store. Must not know: ACP's wire,
JSON-RPC, argument parsing. Start reading at `agent.py`; settings begin at `config.py`.
"""
