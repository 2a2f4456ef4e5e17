"""A search program from start to end: bounded in time and in lines."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import anyio
import msgspec
from anyio.abc import ByteReceiveStream, Process

_MAX_UNSPLIT = 1 << 20  # bytes without a line end after which output is no text
_MAX_FAULT = 10_000  # bytes of a program's complaints that are kept
_NEEDED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TMP", "TEMP")
_CUT = (anyio.BrokenResourceError, anyio.ClosedResourceError)


class Match(msgspec.Struct, frozen=True):
    """One matching line; `name` is as the program wrote it."""

    name: str
    number: int
    line: str


class Matches(msgspec.Struct, frozen=True):
    """What a search found; `fault` is the program's own message if it refused the search."""

    found: tuple[Match, ...]
    more: bool = False
    timed_out: bool = False
    fault: str = ""


async def search(argv: Sequence[str], *, cwd: Path, stdin: bytes, limit: int, timeout: float) -> Matches:
    """Run `argv`, which writes `name NUL number : line`, for at most `limit` lines and `timeout` seconds.

    Raises:
        OSError: the program cannot be started.
    """
    lines: list[bytes] = []
    complaints = bytearray()
    deadline = anyio.CancelScope()
    process = await anyio.open_process(argv, stdin=subprocess.PIPE, cwd=cwd, env=_environment())
    try:
        deadline.deadline = anyio.current_time() + timeout
        with deadline:
            async with anyio.create_task_group() as task_group:
                task_group.start_soon(_feed, process, stdin)
                if process.stderr:  # read to its end: what it says may come after the program's own end
                    task_group.start_soon(_listen, process.stderr, complaints)
                if process.stdout:
                    await _read_lines(process.stdout, lines, limit + 1)
                if len(lines) > limit:
                    task_group.cancel_scope.cancel()
                else:
                    await process.wait()
    finally:
        with anyio.move_on_after(2, shield=True):
            if process.returncode is None:
                process.kill()
            await process.aclose()
    found = tuple(match for line in lines[:limit] if (match := _parsed(line)))
    fault = complaints.decode("utf-8", "replace") if process.returncode == 2 and not found else ""
    return Matches(found, len(lines) > limit, deadline.cancelled_caught, fault)


async def _feed(process: Process, data: bytes) -> None:
    if process.stdin:
        try:
            await process.stdin.send(data)
            await process.stdin.aclose()
        except _CUT:
            return  # it ended before it read everything; its exit code says why


async def _read_lines(stream: ByteReceiveStream, lines: list[bytes], limit: int) -> None:
    unsplit = b""
    try:
        while len(lines) < limit:
            *whole, unsplit = (unsplit + await stream.receive()).split(b"\n")
            lines += whole
            if len(unsplit) > _MAX_UNSPLIT:
                return
    except (anyio.EndOfStream, *_CUT):
        if unsplit:
            lines.append(unsplit)


async def _listen(stream: ByteReceiveStream, complaints: bytearray) -> None:
    """Keep the beginning, but read all of it: a program that nobody listens to gets stuck."""
    try:
        async for data in stream:
            complaints += data[: _MAX_FAULT - len(complaints)]
    except _CUT:
        return  # it was ended by us


def _parsed(line: bytes) -> Match | None:
    """The match on an output line, or None for a message about a binary file."""
    name, nul, rest = line.partition(b"\0")
    number, colon, text = rest.partition(b":")
    if not (nul and colon and number.isdigit()):
        return None
    return Match(os.fsdecode(name), int(number), text.decode("utf-8", "replace").removesuffix("\r"))


def _environment() -> dict[str, str]:
    """Only what a program may need to start: no secrets, and no settings that change the search."""
    return {name: os.environ[name] for name in _NEEDED if name in os.environ}
