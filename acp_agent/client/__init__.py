"""Drives an ACP agent: starts it, holds sessions with it, answers what it asks.

Must not know: the engine and everything that makes our own agent one. Start reading at `client.py`.
"""
