"""The workspace as the client offers it: its buffers for files, its terminals for commands.

Laid over another workspace, which confines paths and does whatever the client cannot.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from acp_agent.base.errors import ConnectionLost, FileMissing, WorkspaceError
from acp_agent.base.excerpt import count_lines, excerpt
from acp_agent.base.ids import SessionId
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.ports import FileEntry, ProcessResult, RunSink, Workspace
from acp_agent.rpc.errors import METHOD_NOT_FOUND, RESOURCE_NOT_FOUND, RpcError
from acp_agent.rpc.peer import Peer
from acp_agent.surface.handshake import ClientOffer
from acp_agent.surface.v1.tracing import in_trace

logger = logging.getLogger(__name__)

SHELL = ("cmd.exe", "/c") if os.name == "nt" else ("/bin/sh", "-c")
"""What runs a command line in a client's terminal; the client is on the same machine."""

NOT_THE_CLIENTS = (RESOURCE_NOT_FOUND, METHOD_NOT_FOUND)
"""Answers that mean: this file is none of the editor's, take the one on disk."""


class ClientWorkspace:
    """Files through `fs/*`, commands through `terminal/*`, as far as the client offered them."""

    def __init__(self, peer: Peer, session_id: SessionId, offer: ClientOffer, base: Workspace) -> None:
        self._peer = peer
        self._session_id = session_id
        self._offer = offer
        self._base = base
        self._keeps_range: bool | None = None  # whether the client sends just the part it is asked for

    @property
    def roots(self) -> tuple[Path, ...]:
        """The base's roots."""
        return self._base.roots

    @property
    def runs_itself(self) -> bool:
        """As the base says."""
        return self._base.runs_itself

    def resolve(self, path: str) -> Path:
        """Confined by the base."""
        return self._base.resolve(path)

    async def read_text(self, path: Path, *, line: int | None = None, limit: int | None = None) -> str:
        """The editor's buffer, unsaved changes included; the file on disk if the editor has none.

        The first part that begins behind line 1 is compared with the whole: editors that send the whole
        whatever they are asked for are not asked for parts again.
        """
        if not self._offer.read_text_file:
            return await self._base.read_text(path, line=line, limit=limit)
        if self._keeps_range is not False and not (line in (None, 1) and limit is None):
            part = await self._ask_text(path, line=line, limit=limit)
            if part is not None and limit is not None and count_lines(part) > limit:
                self._keeps_range = False
                return excerpt(part, line, limit)
            if part is not None and (self._keeps_range or line in (None, 1)):
                return part
        else:
            part = None
        whole = await self._ask_text(path)
        if whole is None:
            return await self._base.read_text(path, line=line, limit=limit)
        wanted = excerpt(whole, line, limit)
        if part is not None:
            self._keeps_range = part.rstrip("\r\n") == wanted.rstrip("\r\n")
        return wanted

    async def read_bytes(self, path: Path) -> bytes:
        """From the base; the protocol reads text only."""
        return await self._base.read_bytes(path)

    async def write_text(self, path: Path, text: str) -> None:
        """Through the editor, so that the user reviews it there; to disk if it is none of the editor's."""
        if not self._offer.write_text_file:
            await self._base.write_text(path, text)
            return
        try:
            await self._call("fs/write_text_file", {"path": str(path), "content": text})
        except RpcError as exc:
            if exc.code not in NOT_THE_CLIENTS:
                raise WorkspaceError(f"the editor could not write `{path}`: {exc.message}") from exc
            await self._base.write_text(path, text)

    async def remove(self, path: Path) -> None:
        """By the base; the protocol removes nothing."""
        await self._base.remove(path)

    async def list_dir(self, path: Path) -> list[FileEntry]:
        """From the base; the protocol lists no directories."""
        return await self._base.list_dir(path)

    async def run(
        self, command: str, *, cwd: Path, timeout: float, output_limit: int, sink: RunSink
    ) -> ProcessResult:
        """In a terminal of the client, which shows the output itself; always released.

        The base runs it if there is no terminal, or if it must not leave the base's confinement.
        """
        if not self._offer.terminal or self._base.runs_itself:
            return await self._base.run(
                command, cwd=cwd, timeout=timeout, output_limit=output_limit, sink=sink
            )
        try:
            created = await self._call(
                "terminal/create",
                {
                    "command": SHELL[0],
                    "args": [SHELL[1], command],
                    "cwd": str(cwd),
                    "outputByteLimit": output_limit,
                },
                late=self._release,
            )
        except RpcError as exc:
            raise WorkspaceError(f"the editor could not open a terminal: {exc.message}") from exc
        terminal_id = _terminal_id(created)
        if terminal_id is None:
            raise WorkspaceError("the editor opened a terminal but did not say which")
        sink.terminal(terminal_id)
        terminal: JsonObject = {"terminalId": terminal_id}
        try:
            with anyio.move_on_after(timeout) as limit:
                await self._call("terminal/wait_for_exit", terminal)
            if limit.cancelled_caught:
                await self._kill(terminal)
            return _result(await self._call("terminal/output", terminal), timed_out=limit.cancelled_caught)
        except RpcError as exc:
            raise WorkspaceError(f"the editor's terminal failed: {exc.message}") from exc
        finally:
            self._release(terminal)

    async def _kill(self, terminal: JsonObject) -> None:
        try:
            await self._call("terminal/kill", terminal)
        except RpcError as exc:  # its output is worth having all the same, and releasing kills
            logger.warning("the client did not end the command of a terminal: %s", exc)

    async def _ask_text(self, path: Path, *, line: int | None = None, limit: int | None = None) -> str | None:
        """The client's text, None if it has none or will not say."""
        params: JsonObject = {"path": str(path)}
        params |= {} if line is None else {"line": line}
        params |= {} if limit is None else {"limit": limit}
        try:
            answer = await self._call("fs/read_text_file", params)
        except RpcError as exc:
            logger.debug("the client cannot read `%s` (%s)", path, exc)
            return None
        text = answer.get("content") if isinstance(answer, dict) else None
        if not isinstance(text, str):
            raise WorkspaceError(f"the editor's answer for `{path}` holds no text")
        if not text and not await anyio.Path(path).exists():
            raise FileMissing(str(path))  # some editors answer so for files that are not there
        return text

    def _release(self, created: JsonValue) -> None:
        """Give back the terminal of this answer to `terminal/create`."""
        terminal_id = _terminal_id(created)
        if terminal_id is not None:
            # Nobody waits for this answer: releasing also kills, and a cancel must not hang on the client.
            self._peer.post("terminal/release", {"sessionId": self._session_id, "terminalId": terminal_id})

    async def _call(
        self, method: str, params: JsonObject, *, late: Callable[[JsonValue], None] | None = None
    ) -> JsonValue:
        try:
            return await self._peer.request(
                method, in_trace({"sessionId": self._session_id, **params}), late=late
            )
        except ConnectionLost as exc:
            raise WorkspaceError(f"the editor is gone: {exc}") from exc


def _terminal_id(created: JsonValue) -> str | None:
    terminal_id = created.get("terminalId") if isinstance(created, dict) else None
    return terminal_id if isinstance(terminal_id, str) else None


def _result(answer: JsonValue, *, timed_out: bool) -> ProcessResult:
    fields = answer if isinstance(answer, dict) else {}
    status = fields.get("exitStatus")
    exit_code = status.get("exitCode") if isinstance(status, dict) else None
    signal = status.get("signal") if isinstance(status, dict) else None
    output = fields.get("output")
    return ProcessResult(
        output=output if isinstance(output, str) else "",
        exit_code=exit_code if isinstance(exit_code, int) else None,
        signal=signal if isinstance(signal, str) else None,
        timed_out=timed_out,
        truncated=fields.get("truncated") is True,
    )


if TYPE_CHECKING:
    _: type[Workspace] = ClientWorkspace
