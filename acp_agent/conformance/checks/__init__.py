"""The requirements of agents, a folder for each area; `catalogue.py` one level up lists them all.

Must not know: how any agent is made, how checks are run or reported, and each other beyond what they share.
Start reading at `turns/turns.py`.
"""
