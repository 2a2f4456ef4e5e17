"""What the model is told, and what it is told no more when that is too much. Knows no provider.

Start reading at `transcript`.
"""
