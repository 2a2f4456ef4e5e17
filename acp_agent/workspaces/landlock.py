"""Landlock: a thread gives up the right to change files, for itself and for every process it starts.

What is given up cannot be had back, which is why `confined` uses a thread that does one thing and ends. The
kernel follows processes, not paths: links, renames, grandchildren and background processes change nothing.

What Landlock cannot do is in `docs/configuration.md`; above all it adds rights up and never takes one away
below a directory that was granted.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple, TypeVar

from acp_agent.base.errors import WorkspaceError
from acp_agent.workspaces import linux

T = TypeVar("T")

# Rights, by the bits that the kernel's interface gives them.
_WRITE_FILE = 1 << 1
_READ_FILE = 1 << 2
_REMOVE_DIR = 1 << 4
_REMOVE_FILE = 1 << 5
_MAKE_CHAR = 1 << 6
_MAKE_DIR = 1 << 7
_MAKE_REG = 1 << 8
_MAKE_SOCK = 1 << 9
_MAKE_FIFO = 1 << 10
_MAKE_BLOCK = 1 << 11
_MAKE_SYM = 1 << 12
_REFER = 1 << 13  # since version 2; before, nothing can move between directories
_TRUNCATE = 1 << 14  # since version 3
_IOCTL_DEV = 1 << 15  # since version 5

USE_DEVICE = _READ_FILE | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV
# Without device files: who may make one, as root may, can write to a disk past every file on it.
CHANGE = (
    _READ_FILE | _WRITE_FILE | _TRUNCATE | _REFER | _REMOVE_DIR | _REMOVE_FILE
    | _MAKE_DIR | _MAKE_REG | _MAKE_SOCK | _MAKE_FIFO | _MAKE_SYM
)  # fmt: skip

_LIMITED = (CHANGE | USE_DEVICE | _MAKE_CHAR | _MAKE_BLOCK) & ~_READ_FILE
_SCOPE_SIGNAL = 1 << 1  # since version 6: signals reach only processes under the same limits
_ON_FILES = _READ_FILE | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV

_ASK_VERSION = 1
_BENEATH_PATH = 1
_NOT_AS_NAMED = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES)


class Support(NamedTuple):
    """How far this system confines; `text` says what is missing, or which version there is."""

    extent: Literal["whole", "partial", "none"]
    text: str


class Grant(NamedTuple):
    """Rights to the file at `path`, or to the directory there and everything below it."""

    path: str
    rights: int


def support() -> Support:
    """What this kernel can do."""
    if sys.platform != "linux":
        return Support("none", "only Linux has Landlock")
    try:
        version = _version()
    except ImportError:
        return Support("none", "this Python is built without `ctypes`")
    except OSError as exc:
        why = {
            errno.ENOSYS: "this kernel, or the container it runs in, has no Landlock",
            errno.EOPNOTSUPP: "Landlock is switched off; add it to the kernel's `lsm=` parameter",
        }
        return Support("none", why.get(exc.errno or 0, f"Landlock cannot be used: {exc.strerror}"))
    if version < 2:
        return Support("none", "this kernel's Landlock is too old; Linux 5.19 or newer is needed")
    if version < 3:
        return Support("partial", "this kernel cannot prevent that files are emptied; Linux 6.2 can")
    return Support("whole", f"Landlock {version}")


def confined(
    function: Callable[[], T], grants: Iterable[Grant], *, readable: Iterable[str] | None = None
) -> T:
    """Call `function` where nothing but `grants` can be changed, and return its result.

    `readable` limits reading, too: to `grants`, these paths and what is below them. Processes that `function`
    starts are confined for as long as they live; this thread and all others are not.

    Raises:
        WorkspaceError: the kernel refused to confine; `function` was not called.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def call() -> None:
        try:
            _confine_thread(grants, readable)
            results.append(function())
        except BaseException as exc:  # raised again below, in the thread that asked
            errors.append(exc)

    thread = threading.Thread(target=call, name="confined", daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _confine_thread(grants: Iterable[Grant], readable: Iterable[str] | None) -> None:
    try:
        version = _version()
        limited = (_LIMITED if readable is None else _LIMITED | _READ_FILE) & _rights_known_to(version)
        scope = _SCOPE_SIGNAL if version >= 6 else 0
        attributes = struct.pack("=QQQ", limited, 0, scope)
        rules = linux.system_call(linux.LANDLOCK_CREATE_RULESET, attributes, len(attributes), 0)
        try:
            for path, rights in grants:
                _add(rules, path, rights & limited)
            for path in readable or ():
                _add(rules, path, _READ_FILE)
            linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
            linux.system_call(linux.LANDLOCK_RESTRICT_SELF, rules, 0)
        finally:
            os.close(rules)
    except OSError as exc:
        raise WorkspaceError(
            f"the kernel refused to confine it: {(exc.strerror or str(exc)).lower()}"
        ) from exc


def _add(rules: int, path: str, rights: int) -> None:
    try:
        place = linux.open_place(path)
    except OSError as exc:
        if exc.errno in _NOT_AS_NAMED:
            return  # gone, or a link by now: what is not there needs no rights, and a link must give none
        raise
    try:
        if rights & ~_ON_FILES and not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= _ON_FILES
        if rights:
            rule = struct.pack("=Qi", rights, place)
            linux.system_call(linux.LANDLOCK_ADD_RULE, rules, _BENEATH_PATH, rule, 0)
    finally:
        os.close(place)


def _version() -> int:
    return linux.system_call(linux.LANDLOCK_CREATE_RULESET, None, 0, _ASK_VERSION)


def _rights_known_to(version: int) -> int:
    newest = {1: _MAKE_SYM, 2: _REFER, 3: _TRUNCATE, 4: _TRUNCATE}.get(version, _IOCTL_DEV)
    return (newest << 1) - 1
