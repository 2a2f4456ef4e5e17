"""The public internet for tools: connections that look where they lead, pages as text. No private address.

Start reading at `fetch`.
"""
