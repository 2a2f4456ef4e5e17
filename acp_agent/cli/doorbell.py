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

NUDGE_TIME = 0.25
"""Seconds between two nudges while a line is read.

A signal that comes between the prompt and the wait for a key is not noticed before the next key. So the wait
is ended now and then, which shows nothing: what came meanwhile, Ctrl-C included, is acted on then.
"""


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
        self._was_rung = False

    @contextmanager
    def installed(
        self, typed: Callable[[], str], is_beginning: Callable[[], bool]
    ) -> Generator[None, None, None]:
        """Let it ring in this context; `typed` tells what stands in the line.

        While the line `is_beginning` it is not heard: who rings does so again.
        """
        if os.name != "posix":
            yield
            return

        def hear(signal_number: int, frame: object) -> None:
            if self._is_heard and self._was_rung and not is_beginning():
                self._is_heard = self._was_rung = False
                raise Rung(typed())

        before = signal.signal(signal.SIGUSR1, hear)
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
    def heard(self) -> Generator[None, None, None]:
        """Raise `Rung` when it rings in this context."""
        self._is_heard = True
        try:
            yield
        finally:
            self._is_heard = self._was_rung = False

    def ring(self) -> None:
        """Interrupt the line that is read, if one is."""
        self._was_rung = self._is_heard
        self._interrupt()

    def _nudge(self, over: threading.Event) -> None:
        while not over.wait(NUDGE_TIME):
            self._interrupt()

    def _interrupt(self) -> None:
        if sys.platform != "win32" and self._is_heard:
            signal.pthread_kill(self._listener, signal.SIGUSR1)
