"""MCP servers as sources of tools, prompts and resources. Knows no session but the one it was made for.

Start reading at `server`.
"""
