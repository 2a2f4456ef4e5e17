"""New text that abbreviates: a remark such as `# ... rest of the code ...` where lines of the file were."""

from __future__ import annotations

import re

_ELISION = re.compile(
    r"\s*(?:(?:#|//|--|/\*|<!--|\{/\*|;|%)\s*[\[(]?\s*(?:\.{3}|…)|[\[(]?(?:\.{3}|…)\s).*"
    r"\b(?:rest|existing|remaining|unchanged|same|previous|omitted|as before)\b.*",
    re.IGNORECASE,
)


def elision(old: str, new: str) -> str:
    """The line of `new` that would replace lines of `old` by a remark about them; empty if there is none.

    One that `old` has too, or that takes no line away, is meant as it stands.
    """
    kept = {line.strip() for line in new.split("\n")}
    quoted = {line.strip() for line in old.split("\n")}
    if quoted <= kept:
        return ""
    return next((line.strip() for line in new.split("\n") if _means_lines(line, quoted)), "")


def _means_lines(line: str, quoted: set[str]) -> bool:
    return _ELISION.fullmatch(line) is not None and line.strip() not in quoted
