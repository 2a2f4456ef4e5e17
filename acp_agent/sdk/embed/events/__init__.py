"""The engine's events and messages in the words of the library. Change nothing.

Start reading at `mapper`.
"""
