"""One tool call from request to answer: check, preview, judge, ask, run, report. The only place tools run.

Whatever happens, the call ends with exactly one `CallAnswered` (or the turn's cancellation records it).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

import anyio
import msgspec
from msgspec import UNSET

from acp_agent.base.errors import FOREIGN_FAILURES, ToolError, WorkspaceError
from acp_agent.base.ids import SessionId, ToolCallId, random_id
from acp_agent.base.jsontext import JsonObject
from acp_agent.base.trace import Tracer, current_trace
from acp_agent.engine.journal import Journal
from acp_agent.engine.overseeing import Overseer
from acp_agent.engine.permission import policy
from acp_agent.engine.permission.rules import Rules, ToolUse
from acp_agent.engine.questions.asking import Scope, ask_user
from acp_agent.engine.rewind.keeping import Keep, KeepingWorkspace
from acp_agent.engine.spans import call_span
from acp_agent.engine.turns.leaving_plan import ask_to_leave, leaves_plan
from acp_agent.model import events
from acp_agent.model.content import Text, shown_text
from acp_agent.model.permission import PermissionRequest
from acp_agent.model.session import ModeId
from acp_agent.model.toolcall import PlanEntry, ToolCall, ToolCallPatch, ToolOutcome, failed
from acp_agent.ports import Asker, Broker, Delegation, Preview, Tool, ToolContext, Workspace

logger = logging.getLogger(__name__)


class ToolBench(msgspec.Struct):
    """What calls of one session run with. `mode` is read at each call, for it may change in between.

    `asking` is held while the user is asked about a call, so that one question waits for the one before,
    those of subagents too.
    `joined_plan` joins what the model plans with the steps that are being worked through.
    """

    session_id: SessionId
    journal: Journal
    workspace: Workspace
    broker: Broker
    asker: Asker
    tools: Mapping[str, Tool]
    grants: policy.Grants
    mode: Callable[[], ModeId]
    set_mode: Callable[[ModeId], Awaitable[None]]
    rules: Rules = Rules()
    tracer: Tracer = Tracer()
    delegation: Delegation | None = None
    keep: Keep | None = None
    asking: anyio.Lock = msgspec.field(default_factory=anyio.Lock)
    oversight: Overseer | None = None
    joined_plan: Callable[[tuple[PlanEntry, ...]], tuple[PlanEntry, ...]] = lambda entries: entries

    def workspace_for(self, call_id: ToolCallId) -> Workspace:
        """The session's, which keeps what the call overwrites."""
        if self.keep is None:
            return self.workspace
        return KeepingWorkspace(self.workspace, call_id, self.journal, self.keep)


async def answer_call(call: ToolCall, bench: ToolBench) -> None:
    """Run one requested call and record what the user sees and what the model is told."""
    with call_span(bench.tracer, call):
        await _answer(call, bench)


async def _answer(call: ToolCall, bench: ToolBench) -> None:
    tool = bench.tools.get(call.name)
    if tool is None:
        await _refuse(call, bench, f"There is no tool `{call.name}`. Use one of: {', '.join(bench.tools)}.")
        return
    if call.arguments is None:
        await _refuse(
            call, bench, f"The arguments of `{call.name}` are not usable: {call.fault}. Send a JSON object."
        )
        return
    scope = Scope(bench.session_id, call.id)
    context = ToolContext(
        bench.workspace_for(call.id),
        bench.session_id,
        call.id,
        _reporter(call, bench),
        ask=lambda question: ask_user(question, bench.asker, scope),
        delegation=bench.delegation,
        trace=current_trace().entries(),
    )
    preview = await _preview(tool, call, call.arguments, context, bench)
    if preview is None:
        return
    announced = ToolCallPatch(
        name=call.name,
        title=preview.title,
        kind=preview.kind,
        status="pending",
        content=preview.content,
        locations=preview.locations,
        raw_input=call.arguments,
    )
    # it is pending since the model named it
    await bench.journal.record(events.CallShown(call.id, msgspec.structs.replace(announced, status=UNSET)))
    use = ToolUse(call.name, call.arguments, bench.rules.weigh(preview.access))
    refusal = None if bench.oversight is None else await bench.oversight.before_call(use)
    if refusal is None:
        refusal = await _seek_permission(announced, call, use, bench, leaving_plan=leaves_plan(tool))
    if refusal is None and bench.oversight is not None:
        refusal = await bench.oversight.before_run(use)
    if refusal is not None:
        await _finish(call, bench, failed(refusal), shown=preview)
        return
    await bench.journal.record(events.CallShown(call.id, ToolCallPatch(status="in_progress")))
    if preview.access.effect not in ("none", "read"):
        await bench.journal.sync()
    outcome = await _run(tool, call, call.arguments, context, bench.oversight, use)
    await _finish(call, bench, outcome, shown=preview)


def _reporter(call: ToolCall, bench: ToolBench) -> Callable[[ToolCallPatch], None]:
    def report(patch: ToolCallPatch) -> None:
        bench.journal.say(events.CallShown(call.id, patch))

    return report


async def _preview(
    tool: Tool, call: ToolCall, arguments: JsonObject, context: ToolContext, bench: ToolBench
) -> Preview | None:
    try:
        return await tool.preview(arguments, context)
    except (ToolError, WorkspaceError) as exc:
        await _refuse(call, bench, str(exc))
    except FOREIGN_FAILURES:
        await _refuse(call, bench, _report_bug(call))
    return None


async def _seek_permission(
    announced: ToolCallPatch, call: ToolCall, use: ToolUse, bench: ToolBench, *, leaving_plan: bool
) -> str | None:
    """None if the call may run, else what the model is told."""
    access, roots = use.access, bench.workspace.roots
    ruling = bench.rules.judge(use, roots)
    verdict = policy.decide(bench.mode(), access, bench.grants, roots, ruling)
    if verdict == "deny":
        return policy.denial(bench.mode(), ruling)
    if leaving_plan:
        return await ask_to_leave(
            announced,
            call.id,
            session_id=bench.session_id,
            mode=bench.mode,
            set_mode=bench.set_mode,
            broker=bench.broker,
            journal=bench.journal,
        )
    if verdict == "allow":
        return None
    async with bench.asking:
        # an "always" that was answered while this call waited for its turn is about it too
        verdict = policy.decide(bench.mode(), access, bench.grants, roots, ruling)
        if verdict == "deny":
            return policy.denial(bench.mode(), ruling)
        if verdict == "allow":
            return None
        request = PermissionRequest(bench.session_id, call.id, announced, policy.choices(verdict, access))
        decision = await bench.broker.ask(request)
        await bench.journal.record(events.PermissionDecided(call.id, access.subject, decision))
        policy.remember(bench.grants, access.subject, decision)
    match decision:
        case "allow_once" | "allow_always":
            return None
        case "reject_once" | "reject_always":
            return "The user rejected this call; it was not run. Ask what they want, or take another way."
        case "dismissed":
            return "The user did not approve this call; it was not run. Do not repeat it unasked."


async def _run(
    tool: Tool,
    call: ToolCall,
    arguments: JsonObject,
    context: ToolContext,
    oversight: Overseer | None,
    use: ToolUse,
) -> ToolOutcome:
    if oversight is not None:
        return await oversight.run_call(use, lambda: _run(tool, call, arguments, context, None, use))
    try:
        return await tool.run(arguments, context)
    except (ToolError, WorkspaceError) as exc:
        return failed(str(exc))
    except FOREIGN_FAILURES:
        return failed(_report_bug(call))


async def _refuse(call: ToolCall, bench: ToolBench, why: str) -> None:
    """Show and answer a call that never got as far as a preview."""
    patch = ToolCallPatch(title=call.name, raw_input=call.arguments)
    await bench.journal.record(events.CallShown(call.id, patch))
    await _finish(call, bench, failed(why), shown=None)


async def _finish(call: ToolCall, bench: ToolBench, outcome: ToolOutcome, *, shown: Preview | None) -> None:
    patch = ToolCallPatch(status="failed" if outcome.is_error else "completed")
    content = outcome.display
    if content is None and (outcome.is_error or shown is None or not shown.content):
        content = tuple(shown_text(part.text) for part in outcome.for_model if isinstance(part, Text))
        if outcome.is_error and shown is not None:
            content = (*shown.content, *content)
    if content is not None:
        patch = msgspec.structs.replace(patch, content=content)
    if outcome.locations is not None:
        patch = msgspec.structs.replace(patch, locations=outcome.locations)
    if outcome.raw_output is not None:
        patch = msgspec.structs.replace(patch, raw_output=outcome.raw_output)
    recorded: list[events.Event] = [
        events.CallShown(call.id, patch),
        events.CallAnswered(call.id, outcome.for_model, outcome.is_error),
    ]
    if outcome.plan is not None:
        recorded.append(events.PlanChanged(bench.joined_plan(outcome.plan)))
    await bench.journal.record(*recorded)


def _report_bug(call: ToolCall) -> str:
    incident = random_id("incident")
    logger.exception("tool `%s` failed unexpectedly (%s)", call.name, incident)
    return (
        f"`{call.name}` failed with an internal error ({incident}); the log has the details. Try another way."
    )
