"""Judges clients: an agent that plays a part in front of them, and what is asked of them meanwhile.

Must not know: how any client is made, ours included; it is started as a command, and starts our agent.
Start reading at `played_agent.py`, then `play.py`, `requirements.py` and `running.py`.
"""
