"""A session under test: prompts it, and reads what the agent said about it."""

from __future__ import annotations

from pathlib import Path

from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.agent_process import AgentProcess, RequestId
from acp_agent.conformance.model import ScriptedModel
from acp_agent.conformance.reach import object_at, text_at
from acp_agent.conformance.responses import result_of
from acp_agent.conformance.steps import Step, prompt_params, prompt_text, text_block
from acp_agent.conformance.verdicts import Broken, Inconclusive, Skipped

FINAL = ("completed", "failed")


class Session:
    """One session; `opened` is what the agent answered when it was opened, `model` what it is to ask.

    Its files are in `workspace`. `plays_scripts` is whether the agent has no model and plays them itself.
    """

    def __init__(
        self,
        agent: AgentProcess,
        id: str,
        opened: JsonObject,
        *,
        model: ScriptedModel,
        workspace: Path,
        plays_scripts: bool,
    ) -> None:
        self.agent = agent
        self.id = id
        self.opened = opened
        self.model = model
        self._workspace = workspace
        self._plays_scripts = plays_scripts

    async def begin(self, *steps: Step, before: tuple[JsonObject, ...] = ()) -> RequestId:
        """Send a prompt in which the model does these things, behind other blocks; the request's id."""
        blocks = (*before, text_block(prompt_text(steps)))
        return await self.agent.request("session/prompt", prompt_params(self.id, *blocks))

    async def finish(self, id: RequestId) -> str:
        """Wait for the end of a turn; its stop reason.

        Raises:
            Broken: there is none, though the agent played the script.
            Inconclusive: there is none, as of an agent that cannot reach the scripted model.
        """
        response = await self.answered(id)
        try:
            return text_at(result_of("session/prompt", response), "stopReason")
        except Broken as exc:
            self.need_script(str(exc))
            raise

    async def answered(self, id: RequestId) -> JsonObject:
        """Wait for the response to a prompt, be it an error.

        Raises:
            Broken: there is none, though the agent played the script, or it ended.
            Inconclusive: there is none, as of an agent that cannot reach the scripted model.
        """
        try:
            return await self.agent.answer(id)
        except Broken as exc:
            if not self.agent.output_ended.is_set():
                self.need_script(str(exc))
            raise

    async def turn(self, *steps: Step) -> str:
        """A whole turn; its stop reason."""
        return await self.finish(await self.begin(*steps))

    async def ends_well(
        self, *steps: Step, which: str = "the turn", before: tuple[JsonObject, ...] = ()
    ) -> None:
        """A whole turn, with these blocks before its script, that has to end with `end_turn`.

        Raises:
            Broken: it ended with another stop reason, though the agent played the script.
        """
        reason = await self.finish(await self.begin(*steps, before=before))
        if reason != "end_turn":
            self.need_script(f"the stop reason is `{reason}`")
            raise Broken(f"the stop reason of {which} is `{reason}`")

    async def cancel(self) -> None:
        """Ask the agent to stop the turn."""
        await self.agent.notify("session/cancel", {"sessionId": self.id})

    async def seen(self, kind: str, *, after: int = 0) -> JsonObject:
        """The first update of this kind; waits for it."""
        frame = await self.agent.seen(
            lambda frame: self.is_update(frame, kind), f"`{kind}` update", after=after
        )
        return object_at(frame, "params", "update")

    async def running(self, prompt: RequestId, kind: str = "agent_message_chunk") -> None:
        """Return once the turn is seen to run: by an update of this kind, or because the model is asked.

        Raises:
            Inconclusive: the turn ended before, or nothing tells that it runs.
        """
        try:
            frame = await self.agent.seen(
                lambda frame: self.is_update(frame, kind) or _answers(frame, prompt),
                f"`{kind}` update",
                after=self.agent.asked_at(prompt),
            )
        except Broken as exc:
            if self.agent.output_ended.is_set():
                raise
            self.need_script(str(exc))
            return  # some agents show nothing before the model is done
        if "method" not in frame:
            self.need_script("the turn ended at once")
            raise Inconclusive("the turn ended before anything could be tried in it")

    async def asked(self, prompt: RequestId, method: str = "session/request_permission") -> JsonObject:
        """The first request of the agent with this method behind the prompt; waits for it.

        Raises:
            Skipped: the agent offers the model no tool for the step.
            Inconclusive: the turn ended without one, or nothing came of it.
        """
        try:
            frame = await self.agent.seen(
                lambda frame: frame.get("method") == method or _answers(frame, prompt),
                f"`{method}` request",
                after=self.agent.asked_at(prompt),
            )
        except Broken as exc:
            if self.agent.output_ended.is_set():
                raise
            self.need_script(str(exc))
            raise Inconclusive(f"the turn goes on without a `{method}`") from exc
        if frame.get("method") != method:
            self.need_tools()
            raise Inconclusive(f"the agent sent no `{method}`")
        return frame

    def is_update(self, frame: JsonObject, *kinds: str) -> bool:
        """Whether this is an update of this session, of one of these kinds if any is named."""
        own = frame.get("method") == "session/update" and text_at(frame, "params", "sessionId") == self.id
        return own and (not kinds or _kind(frame) in kinds)

    def updates(self, *kinds: str, since: int = 0) -> list[JsonObject]:
        """The updates from log position `since`, of these kinds; all if none is named."""
        frames = [line.frame for line in self.agent.log[since:] if line.sender == "agent"]
        return [
            object_at(frame, "params", "update")
            for frame in frames
            if frame is not None and self.is_update(frame, *kinds)
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

    def need_script(self, otherwise: str = "") -> None:
        """Go on if what the agent says follows the script; `otherwise` is what was seen instead.

        Raises:
            Inconclusive: it has not asked the scripted model and plays no scripts itself.
        """
        if self._plays_scripts or self.model.n_played:
            return
        seen = f" ({otherwise})" if otherwise else ""
        if self.model.n_requests:
            raise Inconclusive(f"the agent did not hand the prompt on to the scripted model{seen}")
        raise Inconclusive(f"the agent did not ask the scripted model; a profile may tell it to{seen}")

    def need_tools(self, *kinds: str) -> None:
        """Go on if there was a tool for every step, or for these kinds of steps.

        Raises:
            Skipped: the agent offers the model no such tool.
            Inconclusive: it did not follow the script at all.
        """
        self.need_script()
        missing = [kind for kind in self.model.missing if not kinds or kind in kinds]
        if missing:
            raise Skipped(f"the agent offers no tool to {missing[0]} that can be told")

    def some_calls(self, *, since: int = 0) -> dict[str, JsonObject]:
        """The calls drawn, if there are any.

        Raises:
            Skipped: the agent offers the model no tool for the step.
            Inconclusive: there are none for another reason.
        """
        calls = self.calls(since=since)
        if not calls:
            self.need_tools()
            asked = f"; the model was asked {self.model.n_requests} times"
            raise Inconclusive("saw no tool call" + ("" if self._plays_scripts else asked))
        return calls

    def file(self, name: str, content: str | None = None) -> Path:
        """A file of the workspace, written if there is content."""
        path = self._workspace / name
        if content is not None:
            path.write_bytes(content.encode())
        return path


def _answers(frame: JsonObject, request: RequestId) -> bool:
    return "method" not in frame and frame.get("id") == request


def _kind(frame: JsonObject) -> str:
    return text_at(frame, "params", "update", "sessionUpdate")
