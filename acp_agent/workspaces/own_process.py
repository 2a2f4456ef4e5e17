"""Keeping the API keys in our environment and memory from other processes of the same user. Linux only.

For the process of an agent that serves; a program that embeds one decides for itself.
"""

from __future__ import annotations

import logging
import os
import sys
import threading

logger = logging.getLogger(__name__)

_QUIET = 0.2
"""Seconds after which a starting agent has usually given its first answers."""


def deny_inspection() -> None:
    """Let no process without special rights read our memory or environment, or trace us.

    The environment shows no secrets after this even to root, and a crash leaves no core file. `os.environ` is
    as before, and processes that are started later can be inspected as usual.
    """
    if sys.platform != "linux":
        return
    from acp_agent.workspaces import linux  # lazy: not on other systems

    try:
        linux.prctl(linux.PR_SET_DUMPABLE, 0)
        _blank_secrets()
    except (ImportError, OSError) as exc:
        logger.info("other processes of this user may be able to read our environment: %s", exc)


def deny_inspection_soon() -> None:
    """The same in a moment, at no cost for whoever waits for the first answers."""
    timer = threading.Timer(_QUIET, deny_inspection)
    timer.daemon = True
    timer.start()


def _blank_secrets() -> None:
    """Overwrite secrets where the system shows the environment we were started with."""
    import ctypes  # lazy: 3 ms

    from acp_agent.workspaces.environment import is_secret

    with open("/proc/self/stat", "rb") as file:
        # the name in parentheses may hold anything; fields from the third on follow the last closing one
        fields = file.read().rpartition(b")")[2].split()
    address, end = int(fields[50 - 3]), int(fields[51 - 3])
    for entry in ctypes.string_at(address, end - address).split(b"\0"):
        name, _, value = entry.partition(b"=")
        if value and is_secret(os.fsdecode(name), os.fsdecode(value)):
            ctypes.memset(address + len(name) + 1, 0, len(value))
        address += len(entry) + 1
