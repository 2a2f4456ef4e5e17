"""Real files for an agent, confined to some directories."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import anyio.to_thread
from anyio.abc import TaskGroup

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.client.dispatch import RequestEntry
from acp_agent.client.messages import Message, ReadTextFile, WriteTextFile
from acp_agent.rpc.errors import RESOURCE_NOT_FOUND, RpcError, invalid_params

MAX_BYTES = 16 * 1024 * 1024
"""Bytes of text that one request gets; longer files are read in parts."""


class LocalFiles:
    """Serves `fs/read_text_file` and, if `writable`, `fs/write_text_file`, below these directories only.

    Where a path leads is decided after its links are resolved.
    """

    def __init__(
        self, root: str | os.PathLike[str], *more: str | os.PathLike[str], writable: bool = True
    ) -> None:
        self._roots = tuple(Path(place).resolve() for place in (root, *more))
        self.writable = writable

    def open(self, tasks: TaskGroup) -> list[RequestEntry]:
        """The handlers, for one connection."""
        reading = RequestEntry(ReadTextFile, self._read, concurrent=True)
        return (
            [reading, RequestEntry(WriteTextFile, self._write, concurrent=True)]
            if self.writable
            else [reading]
        )

    async def _read(self, request: Message | JsonObject, *_: object) -> JsonValue:
        assert isinstance(request, ReadTextFile)  # the entry's kind of message
        path = confined(request.path, "path", self._roots)
        first = max(request.line or 1, 1) - 1
        end = None if request.limit is None else first + max(request.limit, 0)
        try:
            text = await anyio.to_thread.run_sync(_read_text, path, first, end)
        except FileNotFoundError:
            raise RpcError(RESOURCE_NOT_FOUND, "Resource not found", {"uri": request.path}) from None
        except (OSError, UnicodeDecodeError) as exc:
            raise invalid_params("path", f"`{request.path}` cannot be read as text: {_why(exc)}") from None
        return {"content": text}

    async def _write(self, request: Message | JsonObject, *_: object) -> JsonValue:
        assert isinstance(request, WriteTextFile)  # the entry's kind of message
        path = confined(request.path, "path", self._roots)
        try:
            await anyio.to_thread.run_sync(_write_text, path, request.content)
        except OSError as exc:
            raise invalid_params("path", f"`{request.path}` cannot be written: {_why(exc)}") from None
        return {}


def confined(path: str, field: str, roots: Collection[Path]) -> Path:
    """The path without links, which lies in one of these directories; `field` is the parameter it came in.

    Raises:
        RpcError: it is not absolute, or leads elsewhere.
    """
    if not os.path.isabs(path) or "\0" in path:
        raise invalid_params(field, f"`{path}` is not an absolute path")
    resolved = Path(os.path.realpath(path))
    if not any(resolved.is_relative_to(root) for root in roots):
        raise invalid_params(field, f"`{path}` is outside the directories this client serves")
    return resolved


def _why(error: OSError | UnicodeDecodeError) -> str:
    return getattr(error, "strerror", None) or str(error)


def _read_text(path: Path, first: int, end: int | None) -> str:
    _check_regular(path)
    with path.open("rb") as file:
        text = bytearray()
        for line in islice(_lines(file), first, end):
            text += line
            if len(text) > MAX_BYTES:
                raise OSError(
                    f"that is more than {MAX_BYTES} bytes; name fewer lines with `line` and `limit`"
                )
    return text.decode()


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(MAX_BYTES + 1):
        if len(line) > MAX_BYTES:
            raise OSError(f"a line of it is longer than {MAX_BYTES} bytes")
        yield line


def _check_regular(path: Path) -> None:
    """Opening a pipe or a device could wait for ever."""
    if path.exists() and not path.is_file():
        raise OSError("it is not a regular file")


def _write_text(path: Path, text: str) -> None:
    _check_regular(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
