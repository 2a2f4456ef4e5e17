"""Ending a command together with everything it started."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Literal, NamedTuple


class Member(NamedTuple):
    """A process, told apart from a later one with the same number by when it started."""

    pid: int
    started: int


def descendants(pid: int) -> tuple[Member, ...]:
    """Processes started by `pid` and theirs, as far as the system tells; empty where it does not.

    A group signal misses a child that moved to a session of its own; this finds it while its parent lives.
    """
    children: dict[int, list[Member]] = {}
    with suppress(OSError):
        for name in os.listdir("/proc"):
            if name.isdigit() and (found := _look_up(int(name))):
                parent, member = found
                children.setdefault(parent, []).append(member)
    members: list[Member] = []
    level = [pid]
    while level:
        below = [member for parent in level for member in children.get(parent, ())]
        members += below
        level = [member.pid for member in below]
    return tuple(members)


def signal_tree(group: int, stragglers: Iterable[Member], how: Literal["end", "kill"]) -> None:
    """Ask (`end`) or force (`kill`) a process group and further processes to stop; gone ones are ignored."""
    if sys.platform == "win32":
        _taskkill(group)
    else:
        import signal

        number = signal.SIGKILL if how == "kill" else signal.SIGTERM
        # macOS reports EPERM for a group of which only the dead are left
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)
        for member in stragglers:
            found = _look_up(member.pid)
            if found and found[1] == member:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(member.pid, number)


def _look_up(pid: int) -> tuple[int, Member] | None:
    """The parent's number and the process itself, or None if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            line = file.read()
    except OSError:
        return None
    # the name in parentheses may hold anything; the state and the numbers follow the last closing one
    fields = line[line.rfind(b")") + 1 :].split()
    return int(fields[1]), Member(pid, int(fields[19]))


def _taskkill(pid: int) -> None:
    import subprocess

    program = os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "taskkill.exe")
    subprocess.run([program, "/F", "/T", "/PID", str(pid)], capture_output=True, check=False, timeout=5)
