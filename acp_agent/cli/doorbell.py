"""Calls the person back from a line that is being typed, where the system can.

On POSIX a signal ends the wait for a key, and what was typed is kept; elsewhere a line is read to its end
first.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

LOOK_TIME = 0.1
"""Seconds from one look for news to the next while a line is read.

Each ends the wait for a key, which shows nothing: a Ctrl-C that came between the prompt and the wait, which
would else be noticed with the next key, is acted on too.
"""


class Rung(Exception):
    """Something came that cannot wait; `typed` is what stands in the line so far."""

    def __init__(self, typed: str) -> None:
        super().__init__(typed)
        self.typed = typed


class Doorbell:
    """Made and heard on the main thread."""

    def __init__(self) -> None:
        self._listener = threading.get_ident()
        self._has_news: Callable[[], bool] | None = None  # only while a line is read

    @contextmanager
    def installed(
        self, typed: Callable[[], str], is_beginning: Callable[[], bool]
    ) -> Generator[None, None, None]:
        """Let it ring in this context; `typed` tells what stands in the line.

        While the line `is_beginning` nothing is interrupted: it rings a moment later.
        """
        if os.name != "posix":
            yield
            return

        def look(signal_number: int, frame: object) -> None:
            if self._has_news is not None and not is_beginning() and self._has_news():
                self._has_news = None
                raise Rung(typed())

        before = signal.signal(signal.SIGUSR1, look)
        over = threading.Event()
        nudging = threading.Thread(target=self._nudge, args=(over,), daemon=True)
        nudging.start()
        try:
            yield
        finally:
            over.set()
            nudging.join()  # or it could send a signal that nobody expects any more
            signal.signal(signal.SIGUSR1, before)

    @contextmanager
    def heard(self, has_news: Callable[[], bool]) -> Generator[None, None, None]:
        """Raise `Rung` in this context as soon as `has_news`."""
        self._has_news = has_news
        try:
            yield
        finally:
            self._has_news = None

    def _nudge(self, over: threading.Event) -> None:
        while not over.wait(LOOK_TIME):
            if sys.platform != "win32" and self._has_news is not None:
                signal.pthread_kill(self._listener, signal.SIGUSR1)
