"""Commands that are known to read and nothing else, by program and option.

A program is never harmless as such: `find` deletes, `sed` writes and runs, `rg` and `sort` run helpers, and
`git` does what the repository's own settings say. So every option is listed, and one that is not listed
makes the command like any other.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

import msgspec


class _Reader(msgspec.Struct, frozen=True):
    """How one program is called to read.

    Attributes:
        flags: one-letter options without a value; digits stand for `-5`.
        valued: one-letter options with one.
        long: long options without a value.
        long_valued: long options with a value, as `--name=value`.
        operands: what the other words are.
        first_is_pattern: the first of them is no file.
        here: one-letter options that make it read the working directory if no file is named; `*` is always.
    """

    flags: str = ""
    valued: str = ""
    long: frozenset[str] = frozenset()
    long_valued: frozenset[str] = frozenset()
    operands: Literal["files", "text", "none"] = "files"
    first_is_pattern: bool = False
    here: str = ""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_READERS = {
    "echo": _Reader(operands="text"),
    "true": _Reader(operands="text"),
    "false": _Reader(operands="text"),
    "pwd": _Reader(flags="LP", operands="none"),
    "ls": _Reader(
        flags="1AaBbCcdFfGghiklmnopqRrSstUuvXxZ",
        long=_names("all almost-all human-readable recursive reverse size inode directory color full-time"),
        long_valued=_names("color sort time format"),
        here="*",
    ),
    "cat": _Reader(flags="AbEensTtuv", long=_names("number number-nonblank show-all squeeze-blank")),
    "head": _Reader(
        flags="qv0123456789", valued="nc", long=_names("quiet"), long_valued=_names("lines bytes")
    ),
    "tail": _Reader(
        flags="qv0123456789", valued="nc", long=_names("quiet"), long_valued=_names("lines bytes")
    ),
    "wc": _Reader(flags="clmwL", long=_names("bytes chars lines words max-line-length")),
    "sort": _Reader(
        flags="bCcdfghiMnRrsuVz",
        valued="kt",
        long=_names("numeric-sort reverse unique human-numeric-sort version-sort stable ignore-case"),
        long_valued=_names("key field-separator"),
    ),
    "cut": _Reader(
        flags="nsz",
        valued="bcdf",
        long=_names("complement only-delimited"),
        long_valued=_names("bytes characters delimiter fields output-delimiter"),
    ),
    "grep": _Reader(
        flags="abcEFGHhIiLlnoPqrsvwxz0123456789",
        valued="ABCm",
        long=_names(
            "color count extended-regexp files-with-matches files-without-match fixed-strings ignore-case "
            "invert-match line-number no-filename only-matching quiet with-filename word-regexp"
        ),
        long_valued=_names(
            "after-context before-context color context exclude exclude-dir include max-count binary-files"
        ),
        first_is_pattern=True,
        here="r",
    ),
    "rg": _Reader(
        flags="acFHIilNnoPqSsUuvwx",
        valued="ABCdgmtT",
        long=_names(
            "column count count-matches crlf files files-with-matches files-without-match fixed-strings "
            "heading hidden ignore-case invert-match json line-number multiline multiline-dotall no-filename "
            "no-heading no-ignore no-ignore-vcs no-line-number no-messages only-matching pcre2 pretty quiet "
            "smart-case stats trim type-list vimgrep with-filename word-regexp"
        ),
        long_valued=_names(
            "after-context before-context color colors context glob iglob max-columns max-count max-depth "
            "max-filesize sort sortr threads type type-not"
        ),
        first_is_pattern=True,
        here="*",
    ),
}

_FIND_TESTS = _names(
    "-amin -atime -cmin -ctime -group -iname -inum -ipath -iregex -links -maxdepth -mindepth -mmin -mtime "
    "-name -path -perm -regex -regextype -size -type -user"
)
_FIND_WORDS = _names(
    "( ) ! , -a -and -daystart -depth -empty -executable -false -mount -noleaf -not -o -or -print -print0 "
    "-prune -quit -readable -true -writable -xdev"
)
_SED_SCRIPT = re.compile(r"(\d+|\$)(,(\d+|\$))?p")


def files_read(words: tuple[str, ...]) -> tuple[str, ...] | None:
    """The files and directories that a command names, if all it does is read them; else None."""
    program, *rest = words
    reads = _SPECIAL.get(program)
    if reads is not None:
        return reads(rest)
    reader = _READERS.get(program)
    return None if reader is None else _read_by(reader, rest)


def _read_by(reader: _Reader, words: list[str]) -> tuple[str, ...] | None:
    used: set[str] = set()
    operands: list[str] = []
    waiting = iter(words)
    for word in waiting:
        if word == "--" and reader.operands != "text":
            operands += waiting
        elif word.startswith("--") and reader.operands != "text":
            name, equals, _ = word[2:].partition("=")
            if name not in (reader.long_valued if equals else reader.long):
                return None
            used.add(name)
        elif word.startswith("-") and len(word) > 1 and reader.operands != "text":
            if not _takes(reader, word[1:], used, lambda: next(waiting, None) is not None):
                return None
        else:
            operands.append(word)
    if reader.operands == "text":
        return ()
    if reader.operands == "none":
        return None if operands else ()
    if reader.first_is_pattern and "files" not in used:
        if not operands:
            return None
        del operands[0]
    if not operands and (reader.here == "*" or reader.here in used - {""}):
        return (".",)
    return tuple(operand for operand in operands if operand != "-")


def _takes(reader: _Reader, letters: str, used: set[str], skip_value: Callable[[], bool]) -> bool:
    """Whether these letters after a `-` are known; `skip_value` passes over the next word."""
    for index, letter in enumerate(letters):
        if letter in reader.valued:
            return index + 1 < len(letters) or skip_value()
        if letter not in reader.flags:
            return False
        used.add(letter)
    return True


def _read_by_find(words: list[str]) -> tuple[str, ...] | None:
    n_places = next(
        (index for index, word in enumerate(words) if word.startswith("-") or word in _FIND_WORDS), len(words)
    )
    waiting = iter(words[n_places:])
    for word in waiting:
        if word in _FIND_TESTS:
            if next(waiting, None) is None:
                return None
        elif word not in _FIND_WORDS:
            return None
    return tuple(words[:n_places]) or (".",)


def _read_by_sed(words: list[str]) -> tuple[str, ...] | None:
    match words:
        case ["-n", script, *files] if _SED_SCRIPT.fullmatch(script):
            return None if any(file.startswith("-") for file in files) else tuple(files)
        case _:
            return None


_SPECIAL: dict[str, Callable[[list[str]], tuple[str, ...] | None]] = {
    "find": _read_by_find,
    "sed": _read_by_sed,
}
