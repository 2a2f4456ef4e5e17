"""Kits for testing agents, clients and adapters, ours and others': servers, validators and contracts.

Must not know: the command line, or anything of the program that is not public. Depends on no test framework.
Start reading at `model_server.py`.
"""
