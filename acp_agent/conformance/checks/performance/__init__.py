"""How fast an agent is, told as grades.

Must not know: any limit: nothing here fails an agent.
Start reading at `speed.py`.
"""
