"""What a session remembers beyond its conversation: tiers, relevance, what a turn leaves behind.

Must not know: where memories are kept, how they are shown. Start reading at `tiers.py`.
"""
