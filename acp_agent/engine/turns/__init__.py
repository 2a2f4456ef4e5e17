"""One turn: the model ⇄ tools loop between a prompt and its stop reason. Knows one session and no client.

Start reading at `turn`, then `answering`, `step` and `toolrun`.
"""
