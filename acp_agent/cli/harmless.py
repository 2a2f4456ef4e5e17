"""Text of others on the user's terminal: what would act on the terminal is taken out."""

from __future__ import annotations

import unicodedata

_KEPT = "\n\t"


def harmless(text: str) -> str:
    """The text without control characters and without marks that change the direction of reading."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char for char in text if char in _KEPT or not _acts(char))


def _acts(char: str) -> bool:
    return unicodedata.category(char) == "Cc" or unicodedata.bidirectional(char) in (
        *("LRE", "RLE", "LRO", "RLO", "PDF"),
        *("LRI", "RLI", "FSI", "PDI"),
    )
