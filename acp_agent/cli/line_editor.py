"""Lines from the person at the terminal, with history and completion where the system has them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence


class LineEditor:
    """Reads lines; the tab key completes slash commands out of `words()`."""

    def __init__(self, words: Callable[[], Sequence[str]]) -> None:
        self._words = words
        self._readline_is_there = sys.stdin.isatty() and self._prepare()

    def read(self, shown: str) -> str:
        """The next line; one that ends with a backslash goes on in the next.

        Raises:
            EOFError: there are no more.
            KeyboardInterrupt: Ctrl-C.
        """
        line = self._read(shown)
        while line.endswith("\\"):
            line = f"{line[:-1]}\n{self._read('… ')}"
        return line

    def _read(self, shown: str) -> str:
        if sys.stdin.isatty():
            return input(shown)
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.rstrip("\n")

    def _prepare(self) -> bool:
        try:
            import readline  # lazy: not on Windows
        except ImportError:
            return False
        readline.set_completer(self._complete)
        readline.set_completer_delims(" ")
        readline.parse_and_bind("tab: complete")
        return True

    def _complete(self, begun: str, number: int) -> str | None:
        found = completions(begun, self._words())
        return found[number] if number < len(found) else None


def completions(begun: str, words: Sequence[str]) -> list[str]:
    """The slash commands that begin so."""
    if not begun.startswith("/"):
        return []
    return [f"{word} " for word in sorted({f"/{word}" for word in words}) if word.startswith(begun)]
