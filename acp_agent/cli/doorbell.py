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


class Rung(Exception):
    """Something came that cannot wait; `typed` is what stands in the line so far."""

    def __init__(self, typed: str) -> None:
        super().__init__(typed)
        self.typed = typed


class Doorbell:
    """Made on the main thread, which listens; any other thread rings."""

    def __init__(self) -> None:
        self._listener = threading.get_ident()
        self._is_heard = False  # only while a line is read: at any other moment nothing is interrupted

    @contextmanager
    def installed(self, typed: Callable[[], str]) -> Generator[None, None, None]:
        """Let it ring in this context; `typed` tells what stands in the line."""
        if os.name != "posix":
            yield
            return

        def hear(signal_number: int, frame: object) -> None:
            if self._is_heard:
                self._is_heard = False
                raise Rung(typed())

        before = signal.signal(signal.SIGUSR1, hear)
        try:
            yield
        finally:
            signal.signal(signal.SIGUSR1, before)

    @contextmanager
    def heard(self) -> Generator[None, None, None]:
        """Raise `Rung` when it rings in this context."""
        self._is_heard = True
        try:
            yield
        finally:
            self._is_heard = False

    def ring(self) -> None:
        """Interrupt the line that is read, if one is; a ring just before the wait begins may be missed."""
        if sys.platform != "win32" and self._is_heard:
            signal.pthread_kill(self._listener, signal.SIGUSR1)
