"""Patterns of permission rules: what they match, in time proportional to the text, whatever they say.

`*` is any run of characters, `?` any one; neither crosses a `/` unless the matcher is told so. `**` crosses
always. `*` alone and `**` match everything. `text:*` matches what starts with `text` as whole words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from pathlib import PurePath

import msgspec

MAX_PATTERN = 1_000
"""Characters of one pattern."""

_PREFIX = ":*"


class Pattern(msgspec.Struct, frozen=True):
    """One pattern; `prefix` is set for `text:*`, `glob` for all others."""

    glob: str = ""
    prefix: str = ""

    @property
    def head(self) -> str:
        """What every match starts with."""
        return self.prefix or re.split(r"[*?]", self.glob, maxsplit=1)[0]

    def with_home(self, home: str) -> Pattern:
        """The same with a leading `~/` replaced by this folder."""
        if self.prefix.startswith("~/"):
            return Pattern(prefix=home + self.prefix[1:])
        return Pattern(glob=home + self.glob[1:]) if self.glob.startswith("~/") else self

    def matches(self, text: str, *, ends_word: str = "", crossing: bool = False) -> bool:
        """Whether it matches all of `text`.

        After the prefix of `text:*` one of the characters `ends_word` must follow, or nothing; if
        `ends_word` is empty, anything may. `crossing` lets `*` and `?` stand for `/` too.
        """
        if not self.prefix:
            return matches_glob(self.glob, text, crossing=crossing)
        if not text.startswith(self.prefix):
            return False
        rest = text[len(self.prefix) :]
        return not rest or not ends_word or rest[0] in ends_word or self.prefix[-1] in ends_word


def parse_pattern(text: str) -> Pattern:
    """The pattern written as `text`.

    Raises:
        ValueError: it is empty or too long.
    """
    if len(text) > MAX_PATTERN:
        raise ValueError(f"the pattern has more than {MAX_PATTERN} characters")
    if text.endswith(_PREFIX):
        text = text.removesuffix(_PREFIX)
        if text:
            return Pattern(prefix=text)
    if not text:
        raise ValueError("the pattern is empty; leave out the parentheses to mean every call")
    return Pattern(glob=text)


def path_matches(pattern: Pattern, path: str, roots: Collection[PurePath], *, strictly: bool) -> bool:
    """Whether the pattern means this absolute, resolved path.

    A pattern that is no absolute path itself starts at the path's root; `**/name` is `name` at any depth.
    Unless `strictly`, a directory stands for everything below it, and case and the ways to encode a letter
    make no difference, for on some disks they make none.
    """
    pure = PurePath(path)
    root = next((root for root in roots if pure.is_relative_to(root)), None)
    above = [] if strictly else [step for step in pure.parents if root is None or root in step.parents]
    wanted = _spelled(pattern, fold=not strictly)
    written = wanted.prefix or wanted.glob
    for step in (pure, *above):
        name = step.as_posix()
        if root is not None and not written.startswith("/") and not PurePath(written).drive:
            name = step.relative_to(root).as_posix()
            if written.startswith("**/"):
                name = f"/{name}"
        if wanted.matches(name if strictly else _fold(name), ends_word="/"):
            return True
    return False


def _spelled(pattern: Pattern, *, fold: bool) -> Pattern:
    """A pattern for paths in the spelling that resolved paths have."""
    if pattern.prefix:
        prefix = pattern.prefix.removeprefix("./")
        return Pattern(prefix=_fold(prefix) if fold else prefix)
    glob = pattern.glob.removeprefix("./")
    if len(glob) > 1:
        glob = glob.rstrip("/") or "/"
    return Pattern(glob=_fold(glob) if fold else glob)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def matches_glob(glob: str, text: str, *, crossing: bool) -> bool:
    """Whether `glob` matches all of `text`.

    All positions in the pattern that are still possible are kept as the bits of one number, so no pattern
    takes longer than one step per character.
    """
    if glob == "*":
        return True
    tokens: list[str] = re.findall(r"\*+|\?|[^*?]", glob, re.DOTALL)
    literal: dict[str, int] = {}
    one = part = many = 0
    for index, token in enumerate(tokens):
        bit = 1 << index
        if token == "?":
            one |= bit
        elif token == "*":
            part |= bit
        elif token[0] == "*":
            many |= bit
        else:
            literal[token] = literal.get(token, 0) | bit
    active = _with_skipped(1, part | many)
    for char in text:
        free = crossing or char != "/"
        stays = active & (part | many if free else many)
        moves = active & (literal.get(char, 0) | (one if free else 0))
        active = _with_skipped(stays | moves << 1, part | many)
        if not active:
            return False
    return bool(active >> len(tokens))


def _with_skipped(active: int, stars: int) -> int:
    """Also the positions behind stars that match nothing; no two stars are neighbors."""
    return active | (active & stars) << 1
