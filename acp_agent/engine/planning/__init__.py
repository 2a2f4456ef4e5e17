"""Plans and goals of turns: made, worked through step by step, judged. Know one turn, no client and no SDK.

Start reading at `answering`.
"""
