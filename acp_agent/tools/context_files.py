"""What files of a project say about a prompt: a provider of context that searches them for its words."""

from __future__ import annotations

import math
import os
import stat
import time
from collections import Counter
from collections.abc import Collection, Sequence
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from anyio import from_thread, to_thread

from acp_agent.engine.memory.relevance import words_of
from acp_agent.model.context import ContextItem
from acp_agent.ports import ContextQuery
from acp_agent.tools.ignoring import unignored

if TYPE_CHECKING:
    from acp_agent import ports

MAX_WORDS = 40
"""Words of a prompt that are searched for."""

MAX_FILES = 5_000
MAX_FILE_BYTES = 200 * 1024
MAX_BYTES = 16 * 1024 * 1024
"""Files that are looked at, size of the largest of them, and of all that is read."""

SEARCH_TIME = 1.5
"""Seconds after which a search gives what it has."""

MAX_FOUND = 5
SNIPPET_LINES = 14
SNIPPET_CHARS = 1_200

PRIVATE_NAMES = (
    *("*.pem", "*.key", "*.p12", "*.pfx", "*.keystore", "*.jks", "*.kdbx", "id_rsa*", "id_ed25519*"),
    *("*credential*", "*secret*", "*password*", "*.env", "*.env.*"),
)
"""Files that are never offered to a model unasked."""


class _Hit(NamedTuple):
    path: tuple[str, ...]
    file: str
    words: frozenset[str]
    in_name: frozenset[str]
    text: str


class FileContext:
    """Searches the files below `root`, or below the session's first directory.

    Hidden and ignored files, links and what looks like keys are passed over.
    """

    name = "files"

    def __init__(self, root: Path | None = None, *, time_limit: float = SEARCH_TIME) -> None:
        self._root = root
        self._time_limit = time_limit

    async def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        """The places that have most of the words, rare ones counting most; at most five."""
        words = sorted(words_of(query.text), key=lambda word: (-len(word), word))[:MAX_WORDS]
        top = self._root or query.roots[0]
        if not words:
            return ()
        find = partial(_find, top, frozenset(words), self._time_limit)
        return await to_thread.run_sync(find, abandon_on_cancel=True)

    async def on_turn_complete(self, query: ContextQuery, answer: str) -> None:
        """Do nothing: files are searched anew each time."""


def _find(top: Path, words: frozenset[str], time_limit: float) -> list[ContextItem]:
    until = time.monotonic() + time_limit
    hits: list[_Hit] = []
    n_bytes = 0
    for number, (path, entry) in enumerate(unignored(top)):
        if number >= MAX_FILES or n_bytes >= MAX_BYTES or time.monotonic() > until:
            break
        if number % 64 == 0:
            from_thread.check_cancelled()
        if any(fnmatch(entry.name.casefold(), pattern) for pattern in PRIVATE_NAMES):
            continue
        text = _text(entry.path)
        if text is None:
            continue
        n_bytes += len(text)
        hit = _hit(path, entry.path, text, words)
        if hit is not None:
            hits.append(hit)
    return _best(hits, words)


def _hit(path: tuple[str, ...], file: str, text: str, words: frozenset[str]) -> _Hit | None:
    folded, name = text.casefold(), "/".join(path).casefold()
    in_name = frozenset(word for word in words if word in name)
    found = frozenset(word for word in words if word in folded) | in_name
    enough = len(found) >= min(2, len(words)) or in_name
    return _Hit(path, file, found, in_name, text) if found and enough else None


def _best(hits: Sequence[_Hit], words: Collection[str]) -> list[ContextItem]:
    n_files = Counter(word for hit in hits for word in hit.words)
    weights = {word: math.log(1 + len(hits) / n_files[word]) if n_files[word] else 0.0 for word in words}
    most = sum(weights.values()) or 1.0

    def score(hit: _Hit) -> float:
        return sum(weights[word] * (2 if word in hit.in_name else 1) for word in hit.words)

    best = sorted(hits, key=lambda hit: (-score(hit), hit.path))[:MAX_FOUND]
    return [_item(hit, weights, min(1.0, score(hit) / most)) for hit in best]


def _item(hit: _Hit, weights: dict[str, float], priority: float) -> ContextItem:
    lines = hit.text.split("\n")
    values = [sum(weights[word] for word in hit.words if word in line.casefold()) for line in lines]
    starts = range(max(1, len(lines) - SNIPPET_LINES + 1))
    start = max(starts, key=lambda at: (sum(values[at : at + SNIPPET_LINES]), -at))
    snippet = "\n".join(lines[start : start + SNIPPET_LINES])[:SNIPPET_CHARS]
    end = start + snippet.count("\n") + 1
    title = f"{'/'.join(hit.path)}:{start + 1}-{end}"
    return ContextItem(
        title=title, text=snippet, source=f"{Path(hit.file).as_uri()}#L{start + 1}", priority=priority
    )


def _text(file: str) -> str | None:
    """The file's text; None if it is none, too large or cannot be read."""
    flags = os.O_RDONLY
    for option in ("O_NONBLOCK", "O_NOFOLLOW", "O_BINARY"):
        flags |= getattr(os, option, 0)
    try:
        with open(os.open(file, flags), "rb") as opened:
            found = os.fstat(opened.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_FILE_BYTES:
                return None
            content = opened.read(MAX_FILE_BYTES)
        return None if b"\0" in content else content.decode()
    except (OSError, UnicodeDecodeError):
        return None


if TYPE_CHECKING:
    _: type[ports.ContextProvider] = FileContext
