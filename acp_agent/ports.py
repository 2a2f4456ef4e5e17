"""What the engine needs from the world, as protocols. Adapters satisfy them structurally.

Must not know: any adapter, JSON-RPC, any wire format.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from acp_agent.base.ids import SessionId, ToolCallId
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.chat import ModelDelta, ModelRequest
from acp_agent.model.content import ToolContent
from acp_agent.model.events import Event
from acp_agent.model.permission import Access, Decision, PermissionRequest
from acp_agent.model.session import ModelInfo, SessionRecord
from acp_agent.model.toolcall import Location, ToolCallPatch, ToolKind, ToolOutcome, ToolSpec


class Provider(Protocol):
    """A model service under one configured name."""

    @property
    def name(self) -> str:
        """The name models of this provider are prefixed with."""
        ...

    def models(self) -> tuple[ModelInfo, ...]:
        """The models that can be chosen, without asking the network."""
        ...

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelDelta, None]:
        """Ask the model once; a complete stream ends with `StepFinished`.

        Retries of requests that produced nothing yet happen inside and are told by `Retrying`.

        Raises:
            ProviderError: the model could not answer; deltas yielded before stay valid.
        """
        ...

    async def prepare(self) -> None:
        """Do the slow part of the first request while nobody waits for it."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...


class FileEntry(msgspec.Struct, frozen=True):
    """One name in a directory."""

    name: str
    is_dir: bool
    size_bytes: int = 0


class ProcessResult(msgspec.Struct, frozen=True):
    """How a command ended.

    `exit_code` is None when a signal or the timeout ended it. `output` is stdout and stderr as they came,
    cut at the front to the limit; `truncated` says so.
    """

    output: str
    exit_code: int | None
    signal: str | None = None
    timed_out: bool = False
    truncated: bool = False


class RunSink(Protocol):
    """Where a running command reports while it runs."""

    def output(self, text: str) -> None:
        """The whole output so far, already cut to the limit."""
        ...

    def terminal(self, terminal_id: str) -> None:
        """The command runs in this client terminal, which shows its own output."""
        ...


class Workspace(Protocol):
    """Files and processes as one session may see them. All paths are absolute and already resolved."""

    @property
    def roots(self) -> tuple[Path, ...]:
        """Directories the session may touch; the first is its working directory."""
        ...

    @property
    def runs_itself(self) -> bool:
        """Whether commands must not be handed to a client's terminal, where nothing would confine them."""
        ...

    def resolve(self, path: str) -> Path:
        """The absolute path behind `path` (relative to the first root), links followed.

        Raises:
            PathOutsideWorkspace: it lies in none of the roots, or cannot be resolved safely.
        """
        ...

    async def read_text(self, path: Path) -> str:
        """The file's text, unsaved editor changes included where the client offers them.

        Raises:
            FileMissing, NotText, TooLarge, WorkspaceError: it cannot be read.
        """
        ...

    async def read_bytes(self, path: Path) -> bytes:
        """The file as it lies on disk, for what is no text.

        Raises:
            FileMissing, TooLarge, WorkspaceError: it cannot be read.
        """
        ...

    async def write_text(self, path: Path, text: str) -> None:
        """Create or replace the file, parents included, atomically; exactly one write.

        Raises:
            WorkspaceError: it cannot be written.
        """
        ...

    async def list_dir(self, path: Path) -> list[FileEntry]:
        """The directory's entries, sorted by name.

        Raises:
            FileMissing, WorkspaceError: it cannot be listed.
        """
        ...

    async def run(
        self, command: str, *, cwd: Path, timeout: float, output_limit: int, sink: RunSink
    ) -> ProcessResult:
        """Run a shell command to its end; when cancelled or timed out, its whole process tree is killed."""
        ...


class ToolContext(msgspec.Struct, frozen=True):
    """What a tool run may use. `report` shows progress to the user; it returns at once."""

    workspace: Workspace
    session_id: SessionId
    call_id: ToolCallId
    report: Callable[[ToolCallPatch], None]


class Preview(msgspec.Struct, frozen=True):
    """What a call is about to do, shown and judged before it runs."""

    title: str
    kind: ToolKind
    access: Access
    content: tuple[ToolContent, ...] = ()
    locations: tuple[Location, ...] = ()


class Tool(Protocol):
    """Something the model can call."""

    @property
    def spec(self) -> ToolSpec:
        """What the model is told."""
        ...

    async def preview(self, args: JsonObject, context: ToolContext) -> Preview:
        """Check the arguments and say what running them would do, without doing it.

        Raises:
            ToolError, WorkspaceError: the arguments cannot work; the message is for the model.
        """
        ...

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        """Do it.

        Raises:
            ToolError, WorkspaceError: it failed; the message is for the model.
        """
        ...


class ToolSource(Protocol):
    """Tools that come and go with a session, such as those of an MCP server."""

    @property
    def name(self) -> str:
        """For messages to people."""
        ...

    @property
    def failure(self) -> str | None:
        """Why it offers nothing, or None."""
        ...

    async def run(self) -> None:
        """Connect and stay connected until cancelled. Failures are recorded in `failure`, never raised."""
        ...

    async def wait_settled(self) -> None:
        """Return once it is connected or has failed."""
        ...

    def tools(self) -> Sequence[Tool]:
        """The tools offered now."""
        ...


class Broker(Protocol):
    """Somebody who can be asked."""

    async def ask(self, request: PermissionRequest) -> Decision:
        """The answer; `dismissed` for anything that is not clearly one of the offered choices."""
        ...


class Host(Protocol):
    """The side a session talks to: an editor's connection, or the program that embeds the agent."""

    @property
    def broker(self) -> Broker:
        """Who is asked for permission."""
        ...

    def publish(self, session_id: SessionId, event: Event) -> None:
        """Take an event of a session, in journal order; returns at once."""
        ...

    async def drain(self) -> None:
        """Wait while the other side reads more slowly than is published."""
        ...


class SessionPage(msgspec.Struct, frozen=True):
    """Part of a list, newest first; `next_cursor` is None on the last page."""

    sessions: tuple[SessionRecord, ...]
    next_cursor: str | None


class SessionStore(Protocol):
    """Durable journals and their records. Errors of every implementation are `StoreError`s."""

    async def create(self, record: SessionRecord) -> None:
        """Add a session without events."""
        ...

    async def get(self, session_id: SessionId) -> SessionRecord | None:
        """The session's record, or None."""
        ...

    async def update(self, record: SessionRecord) -> None:
        """Replace the session's record (its `n_events` is the store's own)."""
        ...

    async def append(self, session_id: SessionId, events: Sequence[Event]) -> None:
        """Add events at the end, all or none; safe against the process's death on return."""
        ...

    async def sync(self, session_id: SessionId) -> None:
        """Make everything appended safe against the machine's death too."""
        ...

    def read(self, session_id: SessionId) -> AsyncIterator[Event]:
        """All events in order, a part at a time."""
        ...

    async def list(self, *, cwd: str | None, cursor: str | None, limit: int) -> SessionPage:
        """Sessions with at least one event, last changed first.

        Raises:
            InvalidChoice: the cursor is none of ours.
        """
        ...

    async def delete(self, session_id: SessionId) -> bool:
        """Forget the session; False if there was none."""
        ...

    async def aclose(self) -> None:
        """Close files."""
        ...
