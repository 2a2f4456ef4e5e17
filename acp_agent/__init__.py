"""acp-agent: a coding agent for every editor that speaks the Agent Client Protocol.

Importing this package loads nothing else; names are resolved on first use.
"""

__version__ = "0.1.0"
