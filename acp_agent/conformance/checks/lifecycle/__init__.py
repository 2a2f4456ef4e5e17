"""Sessions: opened, listed, loaded, resumed, forked, closed and deleted, and what is left of them.

Must not know: what a model does in a turn beyond saying something; tools serve only to leave traces.
Start reading at `lifecycle.py`.
"""
