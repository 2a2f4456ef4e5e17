"""Prompts and how turns end: said to the end, stopped early in every state, and several at a time.

Must not know: how tools work; a tool serves only to bring a turn into a state.
Start reading at `turns.py`.
"""
