"""Verifying in a session: each command is a call of `bash` that the user sees, is asked about, may refuse."""

from __future__ import annotations

import msgspec

from acp_agent.base.ids import IdSource, ToolCallId
from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.turns.toolrun import ToolBench, answer_call
from acp_agent.engine.verification.shell import SHELL, arguments_of, ran_as
from acp_agent.engine.verification.verifying import Ran, RunCommand
from acp_agent.model.toolcall import ToolCall, ToolOutcome
from acp_agent.model.verification import VerificationCommand
from acp_agent.ports import Preview, Tool, ToolContext

REFUSED = "it was not allowed"


def asked_first(bench: ToolBench, new_id: IdSource) -> RunCommand:
    """Runs commands as if the model had called `bash`; it hears nothing of them."""

    async def run(command: VerificationCommand) -> Ran:
        tool = bench.tools.get(SHELL)
        if tool is None:
            return Ran(refused=f"there is no tool `{SHELL}`")
        watched = _Watched(tool)
        call_id = ToolCallId(new_id("call"))
        alone = msgspec.structs.replace(bench, tools={SHELL: watched})
        await answer_call(ToolCall(call_id, SHELL, arguments_of(command)), alone)
        if watched.outcome is None:
            return Ran(refused=REFUSED)
        return ran_as(watched.outcome, f"call:{call_id}")

    return run


class _Watched:
    """The shell, and what came of its one call."""

    def __init__(self, inner: Tool) -> None:
        self.spec = inner.spec
        self.outcome: ToolOutcome | None = None
        self._inner = inner

    async def preview(self, args: JsonObject, context: ToolContext) -> Preview:
        return await self._inner.preview(args, context)

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        self.outcome = await self._inner.run(args, context)
        return self.outcome
