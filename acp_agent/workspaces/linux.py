"""System calls of Linux that Python has no function for. Their numbers are the same on every architecture."""

from __future__ import annotations

import functools
import os
import struct
from collections.abc import Callable
from typing import Final

LANDLOCK_CREATE_RULESET: Final = 444
LANDLOCK_ADD_RULE: Final = 445
LANDLOCK_RESTRICT_SELF: Final = 446

PR_SET_DUMPABLE: Final = 4
PR_SET_NO_NEW_PRIVS: Final = 38

_PIDFD_OPEN = 434
_OPENAT2 = 437
_AT_FDCWD = -100
_RESOLVE_NO_SYMLINKS = 0x04


def system_call(number: int, *args: int | bytes | None) -> int:
    """Make a system call; bytes are passed by address.

    Raises:
        OSError: the kernel refused it.
    """
    return _c_function("syscall")(number, *args)


def prctl(option: int, value: int) -> None:
    """Change an attribute of this process or thread.

    Raises:
        OSError: the kernel refused it.
    """
    _c_function("prctl")(option, value, 0, 0, 0)


def open_place(path: str) -> int:
    """A descriptor that names the file or directory at `path` and can neither read nor write it.

    Raises:
        OSError: there is none, or a part of `path` is a link.
    """
    how = struct.pack("=QQQ", os.O_PATH | os.O_CLOEXEC, 0, _RESOLVE_NO_SYMLINKS)
    return system_call(_OPENAT2, _AT_FDCWD, os.fsencode(path), how, len(how))


def open_process(pid: int) -> int:
    """A descriptor that becomes readable when the process has ended.

    Raises:
        OSError: there is no such process.
    """
    return system_call(_PIDFD_OPEN, pid, 0)


@functools.cache
def _c_function(name: str) -> Callable[..., int]:
    import ctypes  # lazy: 3 ms, and nothing needs it while the agent starts

    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    function.restype = ctypes.c_long if name == "syscall" else ctypes.c_int

    def call(*args: int | bytes | None) -> int:
        result: int = function(*(ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args))
        if result == -1:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result

    return call
