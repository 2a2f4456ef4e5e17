"""A session under test: prompts it, and reads what the agent said about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.agent_process import AgentProcess, RequestId, result_of
from acp_agent.conformance.reach import object_at, text_at
from acp_agent.conformance.steps import Step, prompt_params, prompt_text, text_block
from acp_agent.conformance.verdicts import Inconclusive, Skipped

if TYPE_CHECKING:
    from acp_agent.conformance.stage import Stage

FINAL = ("completed", "failed")


class Session:
    """One session; `opened` is what the agent answered when it was opened."""

    def __init__(self, stage: Stage, agent: AgentProcess, id: str, opened: JsonObject) -> None:
        self.stage = stage
        self.agent = agent
        self.id = id
        self.opened = opened

    async def begin(self, *steps: Step) -> RequestId:
        """Send a prompt in which the model does these things; the request's id."""
        text = prompt_text(steps)
        return await self.agent.request("session/prompt", prompt_params(self.id, text_block(text)))

    async def finish(self, id: RequestId) -> str:
        """Wait for the end of a turn; its stop reason."""
        response = await self.agent.answer(id)
        return text_at(result_of("session/prompt", response), "stopReason")

    async def turn(self, *steps: Step) -> str:
        """A whole turn; its stop reason."""
        return await self.finish(await self.begin(*steps))

    async def cancel(self) -> None:
        """Ask the agent to stop the turn."""
        await self.agent.notify("session/cancel", {"sessionId": self.id})

    async def seen(self, kind: str, *, after: int = 0) -> JsonObject:
        """The first update of this kind; waits for it."""
        frame = await self.agent.seen(
            lambda frame: self.is_update(frame) and _kind(frame) == kind, f"`{kind}` update", after=after
        )
        return object_at(frame, "params", "update")

    async def asked(self, prompt: RequestId) -> JsonObject:
        """The first permission request of a turn; waits for it.

        Raises:
            Inconclusive: the turn ended without one.
        """
        method = "session/request_permission"
        frame = await self.agent.seen(
            lambda frame: (
                frame.get("method") == method or ("method" not in frame and frame.get("id") == prompt)
            ),
            "permission request",
        )
        if frame.get("method") != method:
            self.some_calls()
            raise Inconclusive("the agent asked for no permission")
        return frame

    def is_update(self, frame: JsonObject) -> bool:
        """Whether this is an update of this session."""
        return frame.get("method") == "session/update" and text_at(frame, "params", "sessionId") == self.id

    def updates(self, *kinds: str, since: int = 0) -> list[JsonObject]:
        """The updates from log position `since`, of these kinds; all if none is named."""
        frames = [line.frame for line in self.agent.log[since:] if line.sender == "agent"]
        return [
            object_at(frame, "params", "update")
            for frame in frames
            if frame is not None and self.is_update(frame) and (not kinds or _kind(frame) in kinds)
        ]

    def text(self, kind: str = "agent_message_chunk", *, since: int = 0) -> str:
        """All text of a kind of chunk, joined."""
        return "".join(text_at(update, "content", "text") for update in self.updates(kind, since=since))

    def calls(self, *, since: int = 0) -> dict[str, JsonObject]:
        """The tool calls as a client would draw them now, by id, in order of appearance."""
        drawn: dict[str, JsonObject] = {}
        for update in self.updates("tool_call", "tool_call_update", since=since):
            drawn.setdefault(text_at(update, "toolCallId"), {}).update(update)
        return drawn

    def need_script(self) -> None:
        """Go on if what the agent says follows the script.

        Raises:
            Inconclusive: it has not asked the scripted model and plays no scripts itself.
        """
        if not self.stage.profile.plays_scripts and not self.stage.model.n_requests:
            raise Inconclusive("the agent did not ask the scripted model; a profile may tell it to")

    def some_calls(self, *, since: int = 0) -> dict[str, JsonObject]:
        """The same, if there are any.

        Raises:
            Skipped: the agent offers the model no tool for the step.
            Inconclusive: there are none for another reason.
        """
        calls = self.calls(since=since)
        if not calls and self.stage.model.missing:
            raise Skipped(f"the agent offers no tool to {self.stage.model.missing[0]} that can be told")
        if not calls:
            asked = f"the model was asked {self.stage.model.n_requests} times"
            raise Inconclusive(
                "saw no tool call" if self.stage.profile.plays_scripts else f"saw no tool call; {asked}"
            )
        return calls

    def file(self, name: str, content: str | None = None) -> Path:
        """A file of the workspace, written if there is content."""
        path = self.stage.workspace / name
        if content is not None:
            path.write_bytes(content.encode())
        return path


def _kind(frame: JsonObject) -> str:
    return text_at(frame, "params", "update", "sessionUpdate")
