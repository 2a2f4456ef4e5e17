"""From the journal of a session to the events of a run."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET

from acp_agent.base.ids import SessionId, ToolCallId
from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.runs import RunSnapshot
from acp_agent.engine.verification.status import summary_text
from acp_agent.model import events
from acp_agent.model.chat import Usage
from acp_agent.model.content import Printed, Shown, Text, ToolContent
from acp_agent.model.limits import LimitHit
from acp_agent.model.toolcall import ToolCallPatch
from acp_agent.model.verification import Report, Verified
from acp_agent.sdk.embed.events.agent_event import AgentEvent
from acp_agent.sdk.embed.events.aids import told_of
from acp_agent.sdk.embed.events.planning import PlanningMapper, tasks_of
from acp_agent.sdk.embed.options.budget import threshold_event
from acp_agent.sdk.embed.runs.results import TokenUsage


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
    """Takes the journal events of one run in order, with the run's record after each; yields what is told.

    Whether a run has failed it does not know: each ends with `end`.
    """

    def __init__(self, session_id: SessionId) -> None:
        self._session_id = session_id
        self._turn = 0
        self._in_turn = False
        self._reports: list[Report] = []
        self._calls: dict[ToolCallId, _Call] = {}
        self._agents: dict[SessionId, tuple[str, str]] = {}
        self._agent_texts: dict[SessionId, str] = {}
        self._agent_tools: dict[ToolCallId, str] = {}
        self._agent_turns: dict[SessionId, int] = {}
        self._planning = PlanningMapper()

    def take(self, event: events.Event, run: RunSnapshot) -> Iterator[AgentEvent]:
        """What a program is told of this event."""
        match event:
            case events.UserSaid(_, content) | events.CommandGiven(_, content):
                if self._turn == 0 and not self._in_turn:
                    said = "\n".join(part.text for part in content if isinstance(part, Text))
                    yield AgentEvent("start", prompt=said, session_id=self._session_id)
            case events.TextChunk(_, text):
                yield from self._begin_turn()
                yield AgentEvent("text_delta", text=text)
            case events.CommandAnswered(_, text):
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
                yield AgentEvent("turn_end", turn=self._turn, usage=TokenUsage.of(usage))
            case events.PlanChanged(entries):
                yield AgentEvent("task_updated", session_id=self._session_id, tasks=tasks_of(entries))
            case events.PlanningTold(told):
                yield from self._planning.take(told)
            case events.SubagentStarted() | events.SubagentSaid() | events.SubagentChanged():
                yield from self._subagent(event)
            case events.CompactionEnded(status="completed") as ended:
                sizes: JsonObject = {
                    "before_tokens": ended.tokens_before,
                    "after_tokens": ended.tokens_after,
                }
                yield AgentEvent("context_compacted", session_id=self._session_id, data=sizes)
            case events.AidTold(news):
                self._reports += [news.report] if isinstance(news, Verified) else []
                yield from told_of(news)
            case LimitHit():
                yield threshold_event(event)
            case events.Noticed(severity, title, detail) if severity != "info":
                yield AgentEvent("notice", text=f"{title}: {detail}" if detail else title, reason=severity)
            case events.TurnEnded(stop_reason=reason):
                about = summary_text(self._reports) if self._reports else None
                yield AgentEvent(
                    "end",
                    text=run.result or "",
                    usage=TokenUsage.of(run.usage),
                    reason=reason,
                    verification_summary_text=about,
                )
            case _:
                pass

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
        if patch.status == "completed" and not call.requested:  # a task that no model gave
            output = "" if patch.content is UNSET else _text_of(patch.content)
            yield AgentEvent(
                "tool_end", tool_id=call_id, tool_name=call.name, tool_output=output, exit_code=0
            )

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
                case events.CallShown(call_id, patch) if patch.status in ("completed", "failed"):
                    progress: JsonObject = {
                        "status": "tool_completed",
                        "metadata": {
                            "tool": self._agent_tools.pop(call_id, ""),
                            "exit_code": int(patch.status == "failed"),
                            "output_bytes": 0 if patch.content is UNSET else _n_bytes(patch.content),
                        },
                    }
                    yield AgentEvent(
                        "subagent_progress", task_id=agent_id, session_id=agent_id, data=progress
                    )
                case events.StepEnded(_, usage):
                    turn = self._agent_turns[agent_id] = self._agent_turns.get(agent_id, 0) + 1
                    yield AgentEvent(
                        "subagent_progress",
                        task_id=agent_id,
                        session_id=agent_id,
                        data={"status": "turn_completed", "metadata": {"turn": turn, **_tokens(usage)}},
                    )
                case said:
                    self._agent_texts.pop(agent_id, None)  # what was said before a call is not the answer
                    if isinstance(said, events.CallShown) and isinstance(said.patch.name, str):
                        self._agent_tools[said.call_id] = said.patch.name
        elif event.state not in ("running", "waiting"):
            output = self._agent_texts.pop(agent_id, "")
            ended: JsonObject = {"agent": agent, "output": output, "success": event.state == "completed"}
            yield AgentEvent("subagent_end", task_id=agent_id, session_id=agent_id, data=ended)


def _text_of(content: tuple[ToolContent, ...]) -> str:
    parts = (part.content for part in content if isinstance(part, Shown))
    return "\n".join(part.text for part in parts if isinstance(part, Text))


def _tokens(usage: Usage) -> JsonObject:
    counted = TokenUsage.of(usage)
    return {
        "prompt_tokens": counted.prompt_tokens,
        "completion_tokens": counted.completion_tokens,
        "total_tokens": counted.total_tokens,
    }


def _n_bytes(content: tuple[ToolContent, ...]) -> int:
    return len(_text_of(content).encode())
