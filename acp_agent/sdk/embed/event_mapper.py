"""From the journal of a session to the events of a run."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET

from acp_agent.base.ids import SessionId, ToolCallId
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.model import events
from acp_agent.model.content import Printed, Text
from acp_agent.model.toolcall import PlanEntry, ToolCallPatch
from acp_agent.sdk.embed.agent_event import AgentEvent
from acp_agent.sdk.embed.results import TokenUsage


class _Call:
    def __init__(self) -> None:
        self.name = ""
        self.args: JsonObject | None = None
        self.requested = False  # the model is told what becomes of it
        self.judged = False  # it was announced whole, so it is the permission that decides next
        self.running = False
        self.printed = ""
        self.exit_code: int | None = None


class EventMapper:
    """Takes the journal events of one run in order; yields what a program is told, and sums up."""

    def __init__(self, session_id: SessionId, max_rounds: int) -> None:
        self.text = ""
        self.usage = TokenUsage()
        self.n_calls = 0
        self._session_id = session_id
        self._max_rounds = max_rounds
        self._turn = 0
        self._in_turn = False
        self._message = ""  # id of the message that `text` is of
        self._calls: dict[ToolCallId, _Call] = {}
        self._agents: dict[SessionId, tuple[str, str]] = {}
        self._agent_texts: dict[SessionId, str] = {}

    def take(self, event: events.Event) -> Iterator[AgentEvent]:
        """What a program is told of this event."""
        match event:
            case events.UserSaid(_, content) | events.CommandGiven(_, content):
                if self._turn == 0 and not self._in_turn:
                    said = "\n".join(part.text for part in content if isinstance(part, Text))
                    yield AgentEvent("start", prompt=said, session_id=self._session_id)
            case events.TextChunk(message_id, text):
                yield from self._begin_turn()
                if message_id != self._message:
                    self._message, self.text = message_id, ""
                self.text += text
                yield AgentEvent("text_delta", text=text)
            case events.CommandAnswered(_, text):
                self.text = text
                yield AgentEvent("text_delta", text=text)
            case events.ThoughtChunk(_, text):
                yield from self._begin_turn()
                yield AgentEvent("reasoning_delta", text=text)
            case events.CallShown(call_id, patch):
                yield from self._shown(call_id, patch)
            case events.CallRequested(call_id):
                self._calls.setdefault(call_id, _Call()).requested = True
            case events.CallAnswered(call_id, content, is_error):
                output = "\n".join(part.text for part in content if isinstance(part, Text))
                yield from self._answered(call_id, output, is_error=is_error)
            case events.StepEnded(_, usage):
                yield from self._begin_turn()
                self._in_turn = False
                counted = TokenUsage.of(usage)
                self.usage = self.usage.plus(counted)
                yield AgentEvent("turn_end", turn=self._turn, usage=counted)
            case events.PlanChanged(entries):
                tasks = [_task(number, entry) for number, entry in enumerate(entries, 1)]
                yield AgentEvent("task_updated", session_id=self._session_id, tasks=tasks)
            case events.SubagentStarted() | events.SubagentSaid() | events.SubagentChanged():
                yield from self._subagent(event)
            case events.CompactionEnded(status="completed") as ended:
                sizes: JsonObject = {
                    "before_tokens": ended.tokens_before,
                    "after_tokens": ended.tokens_after,
                }
                yield AgentEvent("context_compacted", session_id=self._session_id, data=sizes)
            case events.Noticed(severity, title, detail) if severity != "info":
                yield AgentEvent("notice", text=f"{title}: {detail}" if detail else title, reason=severity)
            case events.TurnEnded(stop_reason=reason, fault=fault):
                yield self._ended(reason, fault)
            case _:
                pass

    def _ended(self, reason: str, fault: events.TurnFault | None) -> AgentEvent:
        if fault is not None:
            return AgentEvent("error", error=fault.message, error_kind=fault.fault, usage=self.usage)
        if reason == "max_turn_requests":
            message = f"Max tool rounds ({self._max_rounds}) exceeded"
            return AgentEvent("error", error=message, error_kind="max_tool_rounds", usage=self.usage)
        return AgentEvent("end", text=self.text, usage=self.usage, reason=reason)

    def _begin_turn(self) -> Iterator[AgentEvent]:
        if not self._in_turn:
            self._in_turn = True
            self._turn += 1
            yield AgentEvent("turn_start", turn=self._turn)

    def _shown(self, call_id: ToolCallId, patch: ToolCallPatch) -> Iterator[AgentEvent]:
        call = self._calls.get(call_id)
        if call is None:
            yield from self._begin_turn()
            call = self._calls[call_id] = _Call()
            self.n_calls += 1
            call.name = patch.name if isinstance(patch.name, str) else str(patch.title or "")
            yield AgentEvent("tool_start", tool_id=call_id, tool_name=call.name)
        if isinstance(patch.raw_input, dict):
            call.args = patch.raw_input
            call.judged = patch.kind is not UNSET
        if patch.status == "in_progress" and not call.running:
            call.running = True
            yield AgentEvent("tool_execution_start", tool_id=call_id, tool_name=call.name, args=call.args)
        raw_output = patch.raw_output
        if isinstance(raw_output, dict):
            code = raw_output.get("exit_code")
            call.exit_code = code if isinstance(code, int) else call.exit_code
        for part in () if patch.content is UNSET else patch.content:
            if isinstance(part, Printed) and call.running and part.text != call.printed:
                fresh = part.text.removeprefix(call.printed)
                call.printed = part.text
                yield AgentEvent("tool_output_delta", tool_id=call_id, tool_name=call.name, text=fresh)
        if patch.status in ("failed", "cancelled") and not call.requested:
            # it was dropped while the model was still writing it, so nothing will answer it
            yield AgentEvent("tool_end", tool_id=call_id, tool_name=call.name, tool_output="", exit_code=1)

    def _answered(self, call_id: ToolCallId, output: str, *, is_error: bool) -> Iterator[AgentEvent]:
        call = self._calls.setdefault(call_id, _Call())
        denied = is_error and call.judged and not call.running
        if denied:
            yield AgentEvent(
                "permission_denied", tool_id=call_id, tool_name=call.name, args=call.args, reason=output
            )
        code = call.exit_code if call.exit_code is not None else int(is_error)
        yield AgentEvent(
            "tool_end",
            tool_id=call_id,
            tool_name=call.name,
            tool_output=output,
            exit_code=code,
            args=call.args,
            error_kind="permission_denied" if denied else None,
        )

    def _subagent(
        self, event: events.SubagentStarted | events.SubagentSaid | events.SubagentChanged
    ) -> Iterator[AgentEvent]:
        agent_id = event.agent_id
        if isinstance(event, events.SubagentStarted):
            self._agents[agent_id] = (event.agent, event.title)
            data: JsonObject = {
                "parent_session_id": self._session_id,
                "agent": event.agent,
                "description": event.title,
            }
            yield AgentEvent("subagent_start", task_id=agent_id, session_id=agent_id, data=data)
            return
        agent, _ = self._agents.get(agent_id, ("", ""))
        if isinstance(event, events.SubagentSaid):
            match event.event:
                case events.TextChunk(_, text):
                    self._agent_texts[agent_id] = self._agent_texts.get(agent_id, "") + text
                case events.CallShown(_, patch) if patch.status in ("completed", "failed"):
                    progress: JsonObject = {
                        "status": "tool_completed",
                        "metadata": {"exit_code": int(patch.status == "failed")},
                    }
                    yield AgentEvent(
                        "subagent_progress", task_id=agent_id, session_id=agent_id, data=progress
                    )
                case _:
                    self._agent_texts.pop(agent_id, None)  # what was said before a call is not the answer
        elif event.state not in ("running", "waiting"):
            output = self._agent_texts.pop(agent_id, "")
            ended: JsonObject = {"agent": agent, "output": output, "success": event.state == "completed"}
            yield AgentEvent("subagent_end", task_id=agent_id, session_id=agent_id, data=ended)


def _task(number: int, entry: PlanEntry) -> JsonValue:
    return {"id": str(number), "content": entry.content, "status": entry.status, "priority": entry.priority}
