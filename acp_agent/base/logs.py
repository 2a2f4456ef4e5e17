"""Log lines for people: plain text on stderr, quiet unless asked."""

from __future__ import annotations

import logging
import sys


def configure_logging(level: str) -> None:
    """Send records of this level and above to stderr; only programs call it, never libraries."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("acp_agent")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(level.upper())
    # Libraries log requests and tracebacks, which may hold secrets; without this, Python would print them.
    logging.getLogger().addHandler(logging.NullHandler())
