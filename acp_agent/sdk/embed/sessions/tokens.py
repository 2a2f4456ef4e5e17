"""Cancellation that cascades: a token, and the tokens derived from it."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable


class CancellationToken:
    """Cancelled once, together with all of its children. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._cancelled = False
        self._callbacks: list[Callable[[], None]] = []
        self._children: weakref.WeakSet[CancellationToken] = weakref.WeakSet()

    @property
    def is_cancelled(self) -> bool:
        """Whether it, or the token it is derived from, was cancelled."""
        return self._cancelled

    def cancel(self) -> None:
        """Cancel it and its children; does nothing the second time."""
        with self._lock:
            if self._cancelled:
                return
            self._cancelled = True
            callbacks, self._callbacks = self._callbacks, []
            children = list(self._children)
        for callback in callbacks:
            callback()
        for child in children:
            child.cancel()

    def child(self) -> CancellationToken:
        """A token that is cancelled with this one, and can be cancelled alone."""
        derived = CancellationToken()
        with self._lock:
            cancelled = self._cancelled
            self._children.add(derived)
        if cancelled:
            derived.cancel()
        return derived

    def child_token(self) -> CancellationToken:
        """The same as `child`."""
        return self.child()

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Call this when it is cancelled, in the thread that does so; at once if it is already."""
        with self._lock:
            if not self._cancelled:
                self._callbacks.append(callback)
                return
        callback()
