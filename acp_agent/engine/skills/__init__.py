"""Skills of a session: what the model is told of them, and what one in use lets it call. Knows no files.

Start reading at `shelf`.
"""
