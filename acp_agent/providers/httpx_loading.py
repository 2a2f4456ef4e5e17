"""httpx without its command line, which would bring rich, click and pygments where they are installed."""

from __future__ import annotations

import importlib
import sys
from typing import Any, cast

_COMMAND_LINE = "httpx._main"


def load_httpx() -> None:
    """Import httpx as it is where its command line is not installed: in half the time."""
    if "httpx" in sys.modules:
        return
    sys.modules[_COMMAND_LINE] = cast(Any, None)  # importing it raises an ImportError, which httpx expects
    try:
        importlib.import_module("httpx")
    finally:
        sys.modules.pop(_COMMAND_LINE, None)  # another thread may have come here at the same time
