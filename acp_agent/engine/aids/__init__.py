"""What helps a session besides its model and its tools: memory, providers of context, security.

Must not know: what any of them is made of, where they are from. Start reading at `aids.py`.
"""
