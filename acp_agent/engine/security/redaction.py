"""Finding secrets and personal numbers in a text. Every pattern is bounded, so no text takes long.

A text is changed only where something was found, and redacting twice is redacting once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, TypeAlias

SecretKind: TypeAlias = Literal[
    "SSN", "EMAIL", "PHONE", "API_KEY", "CC", "AWS_KEY", "GITHUB_TOKEN", "JWT", "PRIVATE_KEY"
]

_NAMED_SECRET = re.compile(
    r"""(?ix)
    \b( (?: api | access | auth | secret | private )? [_-]? (?: key | token | secret | password | passwd )
        ["']? [ \t]{0,3} [:=] [ \t]{0,3} ["']? )
    (?= [A-Za-z0-9_+/=.~-]{0,99} [0-9] ) (?= [A-Za-z0-9_+/=.~-]{0,99} [A-Za-z] )
    [A-Za-z0-9_+/=.~-]{16,256}
    """
)

_PATTERNS: tuple[tuple[SecretKind, re.Pattern[str]], ...] = (
    (
        "PRIVATE_KEY",
        re.compile(
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:[^-]|-(?!----)){0,20000}"
            r"-----END [A-Z ]{0,40}PRIVATE KEY-----"
        ),
    ),
    ("JWT", re.compile(r"(?<![\w-])eyJ[\w-]{8,4000}\.eyJ[\w-]{8,8000}\.[\w-]{8,4000}")),
    ("GITHUB_TOKEN", re.compile(r"(?<!\w)(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{22,255})")),
    ("AWS_KEY", re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])")),
    (
        "API_KEY",
        re.compile(
            r"(?<![\w-])(?:(?:sk|rk|pk)-[A-Za-z0-9][\w-]{19,255}|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,255}"
            r"|AIza[\w-]{35}|xox[abeprs]-[A-Za-z0-9-]{10,255}|glpat-[\w-]{20,255}|npm_[A-Za-z0-9]{36})"
        ),
    ),
    ("SSN", re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")),
    (
        "EMAIL",
        re.compile(
            r"(?<![\w.+%-])(?!git@)[\w.+%-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9])"
        ),
    ),
    (
        "PHONE",
        re.compile(
            r"(?<![\w.+-])(?:\+\d{1,3}(?:[ .-](?:\(\d{2,4}\)|\d{2,4})){2,5}"
            r"|(?:\(\d{3}\)[ ]?|\d{3}[.-])\d{3}[.-]\d{4})(?![\w-]|\.\d)"
        ),
    ),
)

_CARD = re.compile(
    r"(?<!\d)(?:\d{4}([ -])\d{4}\1\d{4}\1\d{4}|\d{4}([ -])\d{6}\2\d{5}|(?<!\d\.)\d{13,19})(?!\d|\.\d)"
)


def redacted(text: str) -> str:
    """The text with `[REDACTED:KIND]` in place of every secret."""
    return redact(text)[0]


def redact(text: str) -> tuple[str, tuple[SecretKind, ...]]:
    """The text without secrets, and the kinds of those that were in it."""
    found: dict[SecretKind, None] = {}

    def mark(kind: SecretKind) -> Callable[[re.Match[str]], str]:
        def marked(_: re.Match[str]) -> str:
            found[kind] = None
            return f"[REDACTED:{kind}]"

        return marked

    def named(match: re.Match[str]) -> str:
        found["API_KEY"] = None
        return f"{match[1]}[REDACTED:API_KEY]"

    for kind, pattern in _PATTERNS:
        text = pattern.sub(mark(kind), text)
    without_cards = _without_cards(text)
    if without_cards != text:
        found["CC"] = None
    text = without_cards
    text = _NAMED_SECRET.sub(named, text)
    return text, tuple(found)


def _without_cards(text: str) -> str:
    parts: list[str] = []
    kept, at = 0, 0
    while (match := _CARD.search(text, at)) is not None:
        at = match.start() + 1  # what only looked like one may have a real one's beginning in it
        if _is_card(match[0]):
            parts += (text[kept : match.start()], "[REDACTED:CC]")
            kept = at = match.end()
    return "".join((*parts, text[kept:]))


def _is_card(text: str) -> bool:
    """Whether the last digit of a card's number fits the others (Luhn)."""
    digits = [int(char) for char in text if char.isdigit()][::-1]
    doubled = (digit * 2 for digit in digits[1::2])
    return len(set(digits)) > 1 and (sum(digits[::2]) + sum(n - 9 if n > 9 else n for n in doubled)) % 10 == 0
