"""What a child process may know of our environment: everything but secrets.

Git in commands is the user's, and works as configured but for its pager and for monitors: a repository's own
settings can name a program that every `git status` starts. Whoever starts Git on our own behalf must switch
off hooks too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_SECRET_WORDS = frozenset(
    ("AUTH", "BEARER", "COOKIE", "COOKIES", "CREDS", "KEY", "KEYS", "PASS", "PAT", "PSK", "PWD")
)
_SECRET_PARTS = re.compile(r"SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|API_?KEY|PRIVATE_?KEY|TOKENS?(_|$)")
_SECRET_VALUES = re.compile(
    r"sk-[\w-]{16}|gh[opsur]_\w{16}|github_pat_|glpat-|xox[abprs]-|AKIA[0-9A-Z]{12}|AIza[\w-]{20}"
    r"|eyJ[\w-]{8,}\.eyJ|-----BEGIN [A-Z ]*PRIVATE KEY|[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@"
)
_HARMLESS = frozenset(("PWD", "OLDPWD", "SSH_AUTH_SOCK", "SSH_ASKPASS", "SUDO_ASKPASS"))
_PLAIN_OUTPUT = {"TERM": "dumb", "PAGER": "cat", "GIT_PAGER": "cat", "NO_COLOR": "1"}

_GIT_SETTINGS = (
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_KEY_",
    "GIT_CONFIG_VALUE_",
)  # their values may be credentials
_NO_MONITOR = {
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "core.fsmonitor",
    "GIT_CONFIG_VALUE_0": "false",
}


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """A copy without variables that look secret by name or value, set for plain output without a pager."""
    kept = {
        name: value
        for name, value in environment.items()
        if not is_secret(name, value) and not name.startswith(_GIT_SETTINGS)
    }
    return kept | _PLAIN_OUTPUT | _NO_MONITOR


def is_secret(name: str, value: str) -> bool:
    """Whether a variable looks secret by its name or its value."""
    name = name.upper()
    if name in _HARMLESS:
        return False
    by_name = _SECRET_PARTS.search(name) or not _SECRET_WORDS.isdisjoint(re.split(r"[_.-]+", name))
    return bool(by_name or _SECRET_VALUES.search(value))
