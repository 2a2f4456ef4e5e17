"""What is secret, what is suspicious, and keeping both from where they do harm.

Must not know: where texts are from or who reads them. Start reading at `redaction.py`.
"""
