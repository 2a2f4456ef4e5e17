"""Characters that look alike: a model writes the plain one where a file has another, or the reverse."""

from __future__ import annotations

import unicodedata

_PLAIN = {
    "'": "\u2018\u2019\u201a\u201b\u2032\u02bc\uff07",
    '"': "\u201c\u201d\u201e\u201f\u2033\uff02",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d",
    " ": "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
}
_TABLE = str.maketrans({other: plain for plain, others in _PLAIN.items() for other in others})
_MAX_COMPARED = 2_000  # characters of a line whose changes are looked at one by one


def folded(text: str) -> str:
    """`text` with every look-alike as its plain character; as long as before."""
    return text if text.isascii() else text.translate(_TABLE)


def looks_of(line: str) -> str:
    """What two lines have in common if one could be taken for the other; white space around is left out."""
    bare = line.strip()
    if bare.isascii():
        return bare
    return unicodedata.normalize("NFC", bare.translate(_TABLE)).replace("\u2026", "...")


def carried_over(quoted: str, wanted: str, actual: str) -> str:
    """`wanted`, with the characters of `actual` where it leaves those of `quoted`, which look the same."""
    if quoted == wanted:
        return actual
    if quoted == actual or len(quoted) != len(actual) or len(quoted) + len(wanted) > _MAX_COMPARED:
        return wanted
    import difflib  # lazy: 3 ms, only for quotes that are not exact

    changes = difflib.SequenceMatcher(None, quoted, wanted, autojunk=False).get_opcodes()
    return "".join(
        actual[start:end] if kind == "equal" else wanted[new_start:new_end]
        for kind, start, end, new_start, new_end in changes
    )
