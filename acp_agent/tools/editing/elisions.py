"""New text that abbreviates: a remark such as `# ... rest of the code ...` where lines of the file were."""

from __future__ import annotations

import re

_DOTS = r"(?:\.{3}|…)"
_ABOUT_LINES = r"(?=.*\b(?:rest|existing|remaining|unchanged|same|previous|omitted|as before)\b)"
_REMARK = re.compile(
    rf"(?:#|//|--|/\*|<!--|\{{/\*|;|%)\s*+[\[(]?\s*+{_DOTS}(?!\s*(?:and|or|but)\b){_ABOUT_LINES}.*"
    rf"|[\[(]?{_DOTS}{_ABOUT_LINES}.*{_DOTS}[\])]?",
    re.IGNORECASE,
)
"""In a comment that continues no sentence, or between dots: doctests and spreads begin with dots too."""


def elision(text: str, old: str, new: str) -> str:
    """The line of `new` that would replace lines of `old` by a remark about them; empty if there is none.

    Where the file has such remarks of its own, or fewer than two lines go, it is meant as it stands.
    """
    kept = _lines(new)
    found = next((line for line in kept if _REMARK.fullmatch(line)), "")
    if not found or len(_lines(old).keys() - kept.keys()) < 2 or any(map(_REMARK.fullmatch, _lines(text))):
        return ""
    return found


def _lines(text: str) -> dict[str, None]:
    """Each line once, without white space around it, in order."""
    return dict.fromkeys(line.strip() for line in text.split("\n") if line.strip())
