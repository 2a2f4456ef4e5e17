"""Whether a form asks for secrets: typed in there, they would end up in journals, histories and logs."""

from __future__ import annotations

import re
from itertools import pairwise

from acp_agent.model import question as asking

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRET_WORDS = frozenset(
    {
        *("password", "passwords", "passwd", "pwd", "passphrase", "passcode", "secret", "secrets"),
        *("credential", "credentials", "apikey", "otp", "totp", "cvv", "cvc", "mnemonic", "kennwort"),
    }
)
_KEY_OWNERS = frozenset({"api", "access", "private", "secret", "auth", "encryption", "signing", "ssh", "gpg"})
_SECRET = (
    r"(?:passwords?|passwd|passphrase|passcode|secrets?|credentials?|recovery (?:code|phrase)|seed phrase"
    r"|(?:api|access|private|auth|ssh|signing|encryption)[ _-]?keys?|tokens?)\b"
)
_REQUEST = re.compile(
    # Told to: at the beginning of a sentence, or politely.
    r"(?:(?:^|[.?!:;,\n]|\bplease)\s*(?:enter|paste|type|provide|give|share|send|supply|input|submit)"
    r"|\b(?:give|tell|send|hand) me)\b"
    rf"[^.?!\n]{{0,60}}\b{_SECRET}"
    # Asked for.
    rf"|\bwhat(?:.?s| is| are)\b[^.?!\n]{{0,30}}\b(?:your|the)\b[^.?!\n]{{0,30}}\b{_SECRET}"
    r"(?=\s*(?:[.?!:]|$)|\s+(?:for|to|of)\b)",
    re.IGNORECASE,
)
_LABEL_WORDS = 5


def asks_for_secret(form: asking.Form) -> bool:
    """Whether a field to type into is for a password, a token, a key or the like."""
    typed = [
        field
        for field in form.fields
        if isinstance(field, asking.TextField | asking.NumberField | asking.IntegerField)
    ]
    return any(_is_secret(field) for field in typed) or (bool(typed) and bool(_REQUEST.search(form.message)))


def _is_secret(field: asking.TextField | asking.NumberField | asking.IntegerField) -> bool:
    numeric = not isinstance(field, asking.TextField)
    for label in (field.name, field.title):
        words = [word.lower() for word in _WORD.findall(label)]
        if len(words) <= _LABEL_WORDS and _names_secret(words, numeric=numeric):
            return True
    return any(_REQUEST.search(text) for text in (field.title, field.description))


def _names_secret(words: list[str], *, numeric: bool) -> bool:
    if not _SECRET_WORDS.isdisjoint(words) or (not numeric and not {"token", "pin"}.isdisjoint(words)):
        return True
    pairs = pairwise(words)
    return any(first in _KEY_OWNERS and second in ("key", "keys") for first, second in pairs)
