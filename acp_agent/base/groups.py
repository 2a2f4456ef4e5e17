"""Exceptions out of task groups, as they went in."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import cast


@contextmanager
def one_error() -> Generator[None, None, None]:
    """Raise the only exception of a group itself; a group of several stays a group.

    For context managers built on a task group: callers catch what their own code, or ours, raised.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        raise _innermost(group) from None


def _innermost(error: BaseException) -> BaseException:
    if isinstance(error, BaseExceptionGroup):
        # isinstance cannot tell what the group holds; every group holds exceptions.
        inner = cast("BaseExceptionGroup[BaseException]", error).exceptions
        if len(inner) == 1:
            return _innermost(inner[0])
        return cast("BaseException", error)
    return error
