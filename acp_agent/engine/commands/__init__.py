"""Slash commands: which there are, what they do, how the client hears of them. Knows no folders.

Start reading at `slash`.
"""
