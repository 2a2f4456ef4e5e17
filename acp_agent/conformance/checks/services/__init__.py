"""What the agent asks of the client: files, terminals, and answers of the user.

Must not know: what the tools are for that ask.
Start reading at `client_methods.py`.
"""
