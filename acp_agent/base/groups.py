"""Exceptions out of task groups, as they went in."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def one_error() -> Generator[None, None, None]:
    """Raise the only exception of a group itself; a group of several stays a group.

    For context managers built on a task group: callers catch what their own code, or ours, raised.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:  # pyright: ignore[reportUnknownMemberType]
            error = error.exceptions[0]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        raise error from error.__cause__  # pyright: ignore[reportUnknownMemberType]
