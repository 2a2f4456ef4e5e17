"""The rights that commands need: their directories, some devices, and everything but secrets to read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from acp_agent.workspaces.landlock import CHANGE, USE_DEVICE, Grant
from acp_agent.workspaces.surroundings import everything_but

_DEVICES = (
    *("null", "zero", "full", "random", "urandom"),  # hold nothing
    *("tty", "ptmx", "pts"),  # test suites make terminals for themselves
    *("dri", "kfd", "dxg"),  # graphics cards compute; those called `nvidia…` are looked for
)
_SHARED_MEMORY = Path("/dev/shm")  # Python's `multiprocessing`, browsers and databases keep their locks there


def to_change(directories: Iterable[Path]) -> Iterator[Grant]:
    """Everything in `directories` may be changed."""
    return (Grant(str(directory), CHANGE) for directory in directories)


def for_programs() -> Iterator[Grant]:
    """What programs expect to be able to write, and what keeps nothing on a disk."""
    yield from to_change((_SHARED_MEMORY,))
    for name in os.listdir("/dev"):
        if name in _DEVICES or name.startswith("nvidia"):
            yield Grant(f"/dev/{name}", USE_DEVICE)


def to_read(hidden: Iterable[Path], changeable: Iterable[Path]) -> Iterable[str] | None:
    """What may be read, or None for everything. What is in a changeable directory cannot be hidden."""
    holders = set(changeable)
    secret = [path for path in hidden if holders.isdisjoint((path, *path.parents))]
    return everything_but(secret) if secret else None
