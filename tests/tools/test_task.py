"""`task`, `task_status` and `task_cancel`: what is shown, what is passed on, what the model is told."""

import msgspec
import pytest

from acp_agent.base.errors import ToolError
from acp_agent.base.ids import SessionId
from acp_agent.model.content import shown_text
from acp_agent.model.permission import Access
from acp_agent.model.subagent import AgentKind, TaskReport
from acp_agent.ports import Preview
from acp_agent.tools.task import MAX_ANSWER, TaskCancelTool, TaskStatusTool, TaskTool

task = TaskTool((AgentKind("explore", "Finds things.", "x"), AgentKind("docs", "Writes docs.", "x")))
status, cancel = TaskStatusTool(), TaskCancelTool()
ASKED = {"agent": "explore", "description": "find it", "prompt": "Find the needle."}


class Delegation:
    def __init__(self):
        self.given = []
        self.known = ()
        self.cancelled = []
        self.ends = ("completed", "found")

    def _report(self, wanted, call_id, state, answer=""):
        self.given.append((wanted, call_id))
        return TaskReport(SessionId("sub_1"), wanted, state, answer)

    async def run(self, wanted, call_id):
        return self._report(wanted, call_id, *self.ends)

    def start(self, wanted, call_id):
        return self._report(wanted, call_id, "running")

    def reports(self):
        return self.known

    def cancel(self, task_id):
        self.cancelled.append(task_id)
        return task_id == "sub_1"


@pytest.fixture
def delegation():
    return Delegation()


@pytest.fixture
def context(context, delegation):
    return msgspec.structs.replace(context, delegation=delegation)


def test_the_model_is_told_which_subagents_there_are():
    assert "- explore: Finds things.\n- docs: Writes docs." in task.spec.description
    assert task.spec.side_by_side
    assert task.spec.input_schema["required"] == ["agent", "description", "prompt"]


async def test_giving_a_task_needs_no_permission_of_its_own(context):
    assert await task.preview(ASKED, context) == Preview(
        "explore: find it", "think", Access("none", "task explore")
    )


async def test_the_answer_is_told_to_the_model_and_shown(context, delegation):
    outcome = await task.run(ASKED, context)
    ((given, call_id),) = delegation.given
    assert (given.agent, given.title, given.prompt, call_id) == (
        "explore",
        "find it",
        "Find the needle.",
        "c",
    )
    assert (outcome.for_model[0].text, outcome.is_error) == ("found", False)
    assert outcome.display == (shown_text("found"),)
    assert outcome.raw_output == {"task_id": "sub_1", "state": "completed"}


async def test_a_task_that_failed_is_a_failed_call(context, delegation):
    delegation.ends = ("failed", "no power")
    outcome = await task.run(ASKED, context)
    assert (outcome.for_model[0].text, outcome.is_error) == ("no power", True)


async def test_a_long_answer_is_cut(context, delegation):
    delegation.ends = ("completed", "x" * (MAX_ANSWER + 5))
    assert (await task.run(ASKED, context)).for_model[0].text.endswith("x\n(cut; 5 more characters)")


async def test_a_task_in_the_background_is_answered_with_its_id(context):
    outcome = await task.run({**ASKED, "background": True}, context)
    assert "its id is sub_1" in outcome.for_model[0].text
    assert outcome.raw_output == {"task_id": "sub_1", "state": "running"}


async def test_status_tells_of_all_tasks_or_of_one(context, delegation):
    assert (await status.run({}, context)).for_model[0].text == "(no task was started in the background)"
    await task.run({**ASKED, "background": True}, context)
    delegation.known = (TaskReport(SessionId("sub_1"), delegation.given[0][0], "completed", "found"),)
    assert (await status.run({}, context)).for_model[0].text == "sub_1: completed, explore: find it"
    assert (await status.run({"id": "sub_1"}, context)).for_model[0].text.endswith("find it\n\nfound")
    with pytest.raises(ToolError, match="there is no task `x`"):
        await status.run({"id": "x"}, context)
    assert (await status.preview({"id": "sub_1"}, context)).title == "Look after task `sub_1`"


async def test_cancel_stops_one_at_work(context, delegation):
    await cancel.run({"id": "sub_1"}, context)
    with pytest.raises(ToolError, match="no task `x` is at work"):
        await cancel.run({"id": "x"}, context)
    assert delegation.cancelled == ["sub_1", "x"]
    assert (await cancel.preview({"id": "sub_1"}, context)).access == Access("none", "task_cancel")


async def test_without_delegation_no_task_can_be_given(context):
    alone = msgspec.structs.replace(context, delegation=None)
    for tool, args in ((task, ASKED), (status, {}), (cancel, {"id": "x"})):
        with pytest.raises(ToolError, match="cannot be given here"):
            await tool.run(args, alone)


@pytest.mark.parametrize("args", [{}, {**ASKED, "prompt": ""}, {**ASKED, "background": "maybe"}])
async def test_arguments_that_cannot_work_are_refused(context, args):
    with pytest.raises(ToolError):
        await task.preview(args, context)
