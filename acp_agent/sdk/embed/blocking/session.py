"""A session whose methods wait for their results; for any thread, with or without an event loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.sdk.embed.blocking.aids import BlockingAids
from acp_agent.sdk.embed.blocking.extensions import BlockingExtensions
from acp_agent.sdk.embed.blocking.lanes import BlockingLanes
from acp_agent.sdk.embed.blocking.runs import BlockingRuns
from acp_agent.sdk.embed.blocking.stream import EventStream
from acp_agent.sdk.embed.blocking.watch import BlockingWatch
from acp_agent.sdk.embed.delegation.blocking_tasks import BlockingTasks
from acp_agent.sdk.embed.events.messages import Message, MessageLike
from acp_agent.sdk.embed.options.attachments import AttachmentLike
from acp_agent.sdk.embed.options.fields import PathLike
from acp_agent.sdk.embed.runs.results import AgentResult, SideAnswer, ToolResult
from acp_agent.sdk.embed.sessions.confirmations import PendingConfirmation
from acp_agent.sdk.embed.sessions.objects import GeneratedObject, ObjectMode
from acp_agent.sdk.embed.sessions.tokens import CancellationToken


class Session(BlockingRuns, BlockingExtensions, BlockingAids, BlockingWatch, BlockingLanes, BlockingTasks):
    """A live session; made by `Agent.session` and `Agent.resume_session`. `AsyncSession` says more."""

    def send(self, prompt: str, history: Sequence[MessageLike] | None = None) -> AgentResult:
        """Let the agent work on the prompt; what came of it."""
        return self._wait(self._inner.send, prompt, history)

    def send_with_attachments(
        self,
        prompt: str,
        attachments: Sequence[AttachmentLike],
        history: Sequence[MessageLike] | None = None,
    ) -> AgentResult:
        """The same with pictures."""
        return self._wait(self._inner.send_with_attachments, prompt, attachments, history)

    def send_with_history(self, history: Sequence[MessageLike], prompt: str) -> AgentResult:
        """Go on with another conversation; this one stays as it is."""
        return self._wait(self._inner.send_with_history, history, prompt)

    def run(self, prompt: str, history: Sequence[MessageLike] | None = None) -> AgentResult:
        """The same as `send`."""
        return self._wait(self._inner.run, prompt, history)

    def resume_run(self, run_id: str) -> AgentResult:
        """Go on with a run that the end of its process cut off: a new run, whose counts go on from there."""
        return self._wait(self._inner.resume_run, run_id)

    def stream(self, prompt: str, history: Sequence[MessageLike] | None = None) -> EventStream:
        """Begin a run; its events as they happen, for `for` and for `async for`."""
        return EventStream(self._wait(self._inner.stream, prompt, history), self._loop, self)

    def stream_with_attachments(
        self,
        prompt: str,
        attachments: Sequence[AttachmentLike],
        history: Sequence[MessageLike] | None = None,
    ) -> EventStream:
        """The same with pictures."""
        stream = self._wait(self._inner.stream_with_attachments, prompt, attachments, history)
        return EventStream(stream, self._loop, self)

    def btw(self, question: str) -> SideAnswer:
        """Ask the model beside the conversation, which does not change."""
        return self._wait(self._inner.btw, question)

    def generate_object(
        self,
        schema: Mapping[str, JsonValue],
        prompt: str,
        *,
        schema_name: str = "result",
        schema_description: str = "",
        system: str = "",
        mode: ObjectMode = "auto",
        max_repair_attempts: int = 2,
    ) -> GeneratedObject:
        """Let the model answer with a value that fits a JSON Schema, beside the conversation."""
        return self._wait(
            self._inner.generate_object,
            schema,
            prompt,
            schema_name=schema_name,
            schema_description=schema_description,
            system=system,
            mode=mode,
            max_repair_attempts=max_repair_attempts,
        )

    def history(self) -> list[Message]:
        """The conversation as the model knows it."""
        return self._look(self._inner.history)

    def save(self) -> None:
        """Save it where `session_store` says; does nothing without a store."""
        self._wait(self._inner.save)

    def session_cancel_token(self) -> CancellationToken:
        """The token that all runs derive theirs from."""
        return self._inner.session_cancel_token()

    def pending_confirmations(self) -> list[PendingConfirmation]:
        """The calls that wait to be confirmed."""
        return self._look(self._inner.pending_confirmations)

    def confirm_tool_use(self, tool_id: str, approved: bool, reason: str | None = None) -> bool:
        """Say whether a call that waits may run; False if it does not wait any more."""
        return self._look(self._inner.confirm_tool_use, tool_id, approved, reason)

    def tool(self, name: str, args: JsonObject) -> ToolResult:
        """Run a tool without model and permission."""
        return self._wait(self._inner.tool, name, args)

    def read_file(self, path: PathLike) -> str:
        """The text of a file."""
        return self._wait(self._inner.read_file, path)

    def write_file(self, path: PathLike, content: str) -> str:
        """Create or replace a file; says what was done."""
        return self._wait(self._inner.write_file, path, content)

    def edit_file(self, path: PathLike, old_text: str, new_text: str, replace_all: bool = False) -> str:
        """Replace a text in a file; says what was done."""
        return self._wait(self._inner.edit_file, path, old_text, new_text, replace_all)

    def patch_file(self, path: PathLike, diff: str) -> str:
        """Apply a unified diff to a file, wholly or not at all; says what was done."""
        return self._wait(self._inner.patch_file, path, diff)

    def git(self, command: str, subcommand: str = "", **more: JsonValue) -> str:
        """What Git printed; `more` are further arguments of the tool `git`, such as `path` and `ref`."""
        return self._wait(self._inner.git, command, subcommand, **more)

    def bash(self, command: str) -> str:
        """What a command printed, also if it failed."""
        return self._wait(self._inner.bash, command)

    def glob(self, pattern: str) -> list[str]:
        """The files whose paths match, the last changed first, 200 at most."""
        return self._wait(self._inner.glob, pattern)

    def grep(self, pattern: str) -> str:
        """The lines that match, with their files."""
        return self._wait(self._inner.grep, pattern)

    def ls(self, path: PathLike = ".") -> str:
        """The names in a folder, a line each."""
        return self._wait(self._inner.ls, path)

    def close(self) -> None:
        """Refuse what waits, cancel what runs, then close for good."""
        if not self._loop.is_over:
            self._wait(self._inner.close)

    def is_closed(self) -> bool:
        """Whether it is closed."""
        return self._inner.is_closed()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
