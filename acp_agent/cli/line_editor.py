"""Lines from the person at the terminal, with history and completion where the system has them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from acp_agent.cli.doorbell import Rung


class LineEditor:
    """Reads lines; the tab key completes slash commands out of `words()`."""

    def __init__(self, words: Callable[[], Sequence[str]]) -> None:
        self._words = words
        self._draft = ""
        self._has_begun = False  # whether readline's own line is the one that is read, not the one before it
        self.is_beginning = False  # readline is about to call us, and swallows what is raised then
        self._readline_is_there = sys.stdin.isatty() and self._prepare()

    def read(self, shown: str, *, draft: str = "") -> str:
        """The next line; one that ends with a backslash goes on in the next. `draft` is typed already.

        Raises:
            EOFError: there are no more.
            KeyboardInterrupt: Ctrl-C.
            Rung: it was interrupted; tells the draft to go on with.
        """
        begun, newline, draft = draft.rpartition("\n")
        begun += newline
        try:
            while (line := self._read("… " if begun else shown, draft)).endswith("\\"):
                begun, draft = f"{begun}{line[:-1]}\n", ""
        except Rung as rung:
            # The line is cleared where that is possible: what comes is drawn in its place.
            sys.stdout.write("\n" if os.environ.get("TERM") == "dumb" else "\r\x1b[2K")
            sys.stdout.flush()
            raise Rung(begun + rung.typed) from None
        return begun + line

    def typed(self) -> str:
        """What stands in the line that is being read; empty if the system does not tell."""
        if not self._has_begun:
            return self._draft
        import readline  # lazy: not on Windows

        return readline.get_line_buffer()

    def _read(self, shown: str, draft: str) -> str:
        if not sys.stdin.isatty():
            line = sys.stdin.readline()
            if not line:
                raise EOFError
            return line.rstrip("\n")
        self._draft, self._has_begun = draft, False
        self.is_beginning = self._readline_is_there
        try:
            return input(shown)
        finally:
            self.is_beginning = False

    def _begin(self) -> None:
        import readline  # lazy: not on Windows

        readline.insert_text(self._draft)
        self._has_begun = True
        self.is_beginning = False

    def _prepare(self) -> bool:
        try:
            import readline  # lazy: not on Windows
        except ImportError:
            return False
        readline.set_startup_hook(self._begin)
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
