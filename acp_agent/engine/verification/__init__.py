"""Whether work is right: commands that check it, reports of how they ended, and what those amount to.

Must not know: how commands are run, who asks for them. Start reading at `verifying.py`.
"""
