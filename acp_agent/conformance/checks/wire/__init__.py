"""What goes over the wire: lines, envelopes, the first exchange, logging in, and room for what is not known.

Must not know: what a session or a turn is for; a session serves here only to make lines flow.
Start reading at `framing.py`.
"""
