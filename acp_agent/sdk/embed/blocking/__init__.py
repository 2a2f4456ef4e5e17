"""The same agent and sessions for code without `async`. Decide nothing; wait for what `sessions` does.

Start reading at `agent`.
"""
