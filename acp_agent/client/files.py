"""Real files for an agent, confined to some directories."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import anyio.to_thread
from anyio.abc import TaskGroup

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.client.dispatch import RequestEntry
from acp_agent.client.messages import Message, ReadTextFile, WriteTextFile
from acp_agent.rpc.errors import INVALID_PARAMS, RESOURCE_NOT_FOUND, RpcError


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
        path = self._confined(request.path)
        try:
            text = await anyio.to_thread.run_sync(_read_text, path)
        except FileNotFoundError:
            raise RpcError(RESOURCE_NOT_FOUND, "Resource not found", {"uri": request.path}) from None
        except (OSError, UnicodeDecodeError) as exc:
            raise RpcError(INVALID_PARAMS, f"`{request.path}` cannot be read as text: {exc}") from None
        if request.line is not None or request.limit is not None:
            first = max(request.line or 1, 1) - 1
            lines = text.splitlines(keepends=True)
            text = "".join(lines[first : None if request.limit is None else first + request.limit])
        return {"content": text}

    async def _write(self, request: Message | JsonObject, *_: object) -> JsonValue:
        assert isinstance(request, WriteTextFile)  # the entry's kind of message
        path = self._confined(request.path)
        try:
            await anyio.to_thread.run_sync(_write_text, path, request.content)
        except OSError as exc:
            raise RpcError(INVALID_PARAMS, f"`{request.path}` cannot be written: {exc}") from None
        return {}

    def _confined(self, path: str) -> Path:
        resolved = Path(os.path.realpath(path))
        if not Path(path).is_absolute() or not _lies_in(resolved, self._roots):
            raise RpcError(INVALID_PARAMS, f"`{path}` is outside the directories this client serves")
        return resolved


def _lies_in(path: Path, roots: Iterable[Path]) -> bool:
    return any(path.is_relative_to(root) for root in roots)


def _read_text(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
