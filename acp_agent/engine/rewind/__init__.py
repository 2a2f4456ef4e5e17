"""Going back: messages taken back, and files as they were before them. Knows no protocol.

Start reading at `messages` for the conversation, at `keeping` for files.
"""
