"""Subagents of a program: tasks it gives, how far they are, definitions of its own, who delegates."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from acp_agent import SubagentTaskSnapshot, TaskSpec, WorkerAgentSpec
from acp_agent.base.jsontext import dump_text
from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.sdk.embed.agent import AsyncAgent
from acp_agent.sdk.embed.blocking.agent import Agent
from acp_agent.sdk.embed.delegation.session_tasks import TaskLike
from acp_agent.sdk.embed.errors import ConfigInvalid, SessionClosed, ToolFailed
from acp_agent.sdk.embed.sessions.session import AsyncSession
from tests.patience import PATIENCE
from tests.sdk_api.conftest import Home


def task_call(prompt: str, **more: Any) -> str:
    return "call: task " + dump_text({"agent": "explore", "description": "look", "prompt": prompt, **more})


SCRIPT = f"""\
closing: Done.
say: Hello.
when: Subagents have worked
say: Built on that.
when: find it
call: read {{"path": "notes.txt"}}
---
say: It is in notes.txt
when: forever
wait
when: fail
error: 401 who are you
when: delegate
{task_call("find it")}
---
say: The subagent says: {{result}}
"""


@pytest.fixture
def model() -> ScriptedProvider:
    return ScriptedProvider(SCRIPT)


@pytest.fixture
async def session(async_agent: AsyncAgent, home: Home, model: ScriptedProvider) -> AsyncSession:
    return async_agent.session(home.workspace, llm_client=model)


FIND = {"agent": "explore", "description": "look", "prompt": "find it"}


async def test_a_task_is_done_by_a_subagent_and_the_model_hears_nothing_of_it(
    session: AsyncSession, model: ScriptedProvider
) -> None:
    done = await session.task(FIND)
    assert (done.output, done.success) == ("It is in notes.txt", True)
    (task,) = session.subagent_tasks()
    assert done.data == {"task_id": task.task_id, "status": "completed"}
    assert session.subagent_task(task.task_id) == task
    assert session.pending_subagent_tasks() == []
    assert session.history() == []
    await session.send("hi")
    assert [message.role for message in session.history()] == ["user", "assistant"]


async def test_a_snapshot_says_who_did_what_and_when(session: AsyncSession) -> None:
    await session.task(FIND)
    (task,) = session.subagent_tasks()
    assert task.finished_ms is not None
    assert 0 < task.started_ms <= task.updated_ms == task.finished_ms
    assert task == SubagentTaskSnapshot(
        task_id=task.task_id,
        parent_session_id=session.session_id,
        child_session_id=task.task_id,
        agent="explore",
        description="look",
        status="completed",
        started_ms=task.started_ms,
        updated_ms=task.updated_ms,
        finished_ms=task.finished_ms,
        output="It is in notes.txt",
        success=True,
        progress=({"tool": "read", "title": "Read `notes.txt`", "exit_code": 0},),
    )


async def test_tasks_are_done_side_by_side_and_answered_in_order(session: AsyncSession) -> None:
    results = await session.tasks([FIND, {"agent": "explore", "prompt": "hi"}, {**FIND, "prompt": "fail"}])
    assert [result.output for result in results[:2]] == ["It is in notes.txt", "Hello."]
    assert "model failed" in results[2].output
    assert [result.success for result in results] == [True, True, False]
    assert [task.status for task in session.subagent_tasks()].count("failed") == 1


@pytest.mark.parametrize(
    ("task", "problem"),
    [
        ({"agent": "nobody", "prompt": "x"}, "there is no agent `nobody`; use one of: explore"),
        ({"agent": "explore"}, "missing required field `prompt`"),
        ({"agent": "explore", "prompt": ""}, "length >= 1 - at `\\$.prompt`"),
        ({**FIND, "backgroud": True}, "there is no `backgroud`.*`background`"),
        (TaskSpec(agent="explore", prompt=""), "length >= 1"),
    ],
)
async def test_a_task_that_cannot_be_given_says_why(
    session: AsyncSession, task: TaskLike, problem: str
) -> None:
    with pytest.raises(ToolFailed, match=problem):
        await session.tasks([FIND, task])
    assert session.subagent_tasks() == []


async def test_a_task_in_the_background_is_pending_until_it_is_cancelled(session: AsyncSession) -> None:
    begun = await session.task({**FIND, "prompt": "forever", "background": True})
    assert isinstance(begun.data, dict)
    task_id = str(begun.data["task_id"])
    with anyio.fail_after(PATIENCE):
        while not session.pending_subagent_tasks():
            await anyio.lowlevel.checkpoint()
        assert session.cancel_subagent_task(task_id)
        while session.pending_subagent_tasks():
            await anyio.lowlevel.checkpoint()
    (task,) = session.subagent_tasks()
    assert (task.task_id, task.status, task.success) == (task_id, "cancelled", False)
    assert not session.cancel_subagent_task(task_id)
    assert session.subagent_task("nobody") is None


async def test_a_task_whose_caller_gives_up_ends(session: AsyncSession) -> None:
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as caller:
            caller.start_soon(session.task, {**FIND, "prompt": "forever"})
            while not session.pending_subagent_tasks():
                await anyio.lowlevel.checkpoint()
            caller.cancel_scope.cancel()
        while session.pending_subagent_tasks():
            await anyio.lowlevel.checkpoint()
    assert [task.status for task in session.subagent_tasks()] == ["cancelled"]


async def test_item_111_close_cancels_every_task_in_flight(session: AsyncSession) -> None:
    results: list[Any] = []

    async def wait() -> None:
        results.append(await session.task({**FIND, "prompt": "forever"}))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await session.task({**FIND, "prompt": "forever", "background": True})
        with anyio.fail_after(PATIENCE):
            while len(session.pending_subagent_tasks()) < 2:
                await anyio.lowlevel.checkpoint()
        await session.close()
    assert [task.status for task in session.subagent_tasks()] == ["cancelled", "cancelled"]
    assert [result.success for result in results] == [False]
    with pytest.raises(SessionClosed):
        await session.task(FIND)


async def test_events_tell_of_the_models_tasks_too(session: AsyncSession) -> None:
    events = [event async for event in session.stream("delegate")]
    (task,) = session.subagent_tasks()
    told = [event for event in events if event.event_type.startswith("subagent_")]
    start, progress, end = (event for event in told if event.data.get("status") != "turn_completed")
    assert start.to_dict() == {
        "type": "subagent_start",
        "version": 1,
        "task_id": task.task_id,
        "session_id": task.task_id,
        "parent_session_id": session.session_id,
        "agent": "explore",
        "description": "look",
    }
    about = progress.data["metadata"]
    assert isinstance(about, dict)
    assert (progress.data["status"], about["tool"], about["exit_code"]) == ("tool_completed", "read", 0)
    assert end.data == {"agent": "explore", "output": "It is in notes.txt", "success": True}
    assert (task.agent, task.output) == ("explore", "It is in notes.txt")


async def test_the_end_of_a_subagents_turn_is_told_with_its_tokens(
    async_agent: AsyncAgent, home: Home
) -> None:
    model = ScriptedProvider(
        SCRIPT.replace("say: It is in notes.txt", "say: It is in notes.txt\nusage: 30 4")
    )
    session = async_agent.session(home.workspace, llm_client=model)
    told = [event async for event in session.stream("delegate") if event.event_type == "subagent_progress"]
    (task,) = session.subagent_tasks()
    assert [event.data["status"] for event in told] == ["turn_completed", "tool_completed", "turn_completed"]
    assert (told[-1].task_id, told[-1].data["metadata"]) == (
        task.task_id,
        {"turn": 2, "prompt_tokens": 30, "completion_tokens": 4, "total_tokens": 34},
    )


async def test_a_resumed_session_knows_its_tasks(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    options: Any = {"llm_client": model, "file_session_store": home.store, "auto_save": True}
    first = async_agent.session(home.workspace, session_id="s", **options)
    await first.send("delegate")
    (before,) = first.subagent_tasks()
    await first.close()
    (after,) = (await async_agent.resume_session("s", options)).subagent_tasks()
    assert (after.task_id, after.output, after.status) == (before.task_id, before.output, "completed")


async def test_only_as_many_ended_tasks_are_kept_as_wanted(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    limits = {"max_terminal_subagent_tasks": 2}
    session = async_agent.session(home.workspace, llm_client=model, retention_limits=limits)
    for number in range(4):
        await session.task({"agent": "explore", "description": str(number), "prompt": "hi"})
    assert [task.description for task in session.subagent_tasks()] == ["2", "3"]


def test_the_blocking_form_does_the_same(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    session = agent.session(home.workspace, llm_client=model)
    assert session.task(FIND).output == "It is in notes.txt"
    assert [result.output for result in session.tasks([FIND])] == ["It is in notes.txt"]
    assert len(session.subagent_tasks()) == 2
    session.register_worker_agent({"name": "poet", "prompt": "You are a poet."})
    assert session.task({"agent": "poet", "prompt": "hi"}).output == "Hello."
    worker = agent.session_for_worker(home.workspace, {"name": "poet", "prompt": "Be."}, llm_client=model)
    assert worker.send("hi").text == "Hello."


# definitions


async def test_a_program_defines_subagents_of_its_own(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    spec = WorkerAgentSpec(name="poet", description="Writes poems", prompt="You are a poet.", tools=["read"])
    session = async_agent.session(home.workspace, llm_client=model, worker_agents=[spec])
    await session.send("hi")
    task = next(tool for tool in model.requests[-1].tools if tool.name == "task")
    assert "- poet: Writes poems" in task.description
    await session.task({"agent": "poet", "prompt": "hi"})
    assert model.requests[-1].system.startswith("You are a poet.")
    assert [tool.name for tool in model.requests[-1].tools] == ["read"]


async def test_definitions_can_be_added_while_a_session_lives(
    session: AsyncSession, home: Home, model: ScriptedProvider
) -> None:
    folder = home.folder / "more"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.yaml").write_text("description: A\nprompt: Be A.\n", "utf-8")
    (folder / "bad.md").write_text("---\nkind: wizard\n---\nBe.", "utf-8")
    assert await session.register_agent_dir(folder) == 1
    await session.register_worker_agent({"name": "b", "description": "B", "prompt": "Be B.", "maxSteps": 3})
    await session.send("hi")
    task = next(tool for tool in model.requests[-1].tools if tool.name == "task")
    assert "- a: A\n- b: B" in task.description
    assert (await session.task({"agent": "a", "prompt": "hi"})).success
    with pytest.raises(ConfigInvalid, match="no such folder"):
        await session.register_agent_dir(folder / "nothing")


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"name": "x"}, "missing required field `prompt`"),
        ({"name": "x", "prompt": " "}, "`prompt`: must say what it is to be"),
        ({"name": "x", "prompt": "y", "wings": 2}, "there is no `wings`"),
        ({"name": "x", "prompt": "y", "kind": "wizard"}, "`kind`: `wizard` is none of read_only"),
        ({"name": "x", "prompt": "y", "tools": ["a b"]}, "`tools`: `a b`: it is not written as"),
        ({"name": "x", "prompt": "y", "permissions": {"never": []}}, "`permissions`: there is no `never`"),
    ],
)
async def test_a_definition_that_cannot_be_used_says_which_key(
    async_agent: AsyncAgent, home: Home, spec: dict[str, object], problem: str
) -> None:
    with pytest.raises(ConfigInvalid, match=problem):
        async_agent.session(home.workspace, worker_agents=[spec])


async def test_item_148_a_session_that_is_what_a_definition_says(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    options: Any = {"llm_client": model}
    reviewer = await async_agent.session_for_agent(home.workspace, "code-review", options=options)
    await reviewer.send("hi")
    assert model.requests[-1].system.startswith("You review code.")
    assert {"write", "edit", "task"} & set(reviewer.tool_names) == set()

    spec = {"name": "w", "prompt": "Be W.", "kind": "read_only", "permissions": {"deny": ["read(notes*)"]}}
    worker = async_agent.session_for_worker(home.workspace, spec, options)
    await worker.send("find it")
    assert model.requests[-1].system.startswith("Be W.")
    assert "A permission rule of the user forbids this call" in str(model.requests[-1].messages)
    worker.set_permission_policy({"default_decision": "allow"})
    await worker.send("find it")
    assert "remember the milk" not in str(model.requests[-1].messages)


# who delegates


async def test_item_090_delegation_that_nobody_asked_for(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    session = async_agent.session(
        home.workspace, llm_client=model, auto_delegation={"enabled": True, "maxTasks": 4}
    )
    stream = session.stream("ask explore to find it and review it")
    events = [event async for event in stream]
    assert {task.agent for task in session.subagent_tasks()} == {"explore", "review"}
    assert events[-1].text == "Built on that."
    ends = [event for event in events if event.event_type == "tool_end"]
    assert [(end.tool_name, end.tool_output, end.exit_code) for end in ends] == [
        ("task", "It is in notes.txt", 0)
    ] * 2


async def test_item_091_without_auto_parallel_it_is_one(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    session = async_agent.session(
        home.workspace, llm_client=model, auto_delegation={"enabled": True}, auto_parallel=False
    )
    await session.send("ask explore to find it and review it")
    assert [task.agent for task in session.subagent_tasks()] == ["explore"]


@pytest.mark.parametrize("given", [{"enabled": True}, True])
async def test_settings_and_options_say_who_delegates(
    home: Home, model: ScriptedProvider, given: Any
) -> None:
    async with AsyncAgent.create({"auto_delegation": {"enabled": True}}, env=home.env) as agent:
        quiet = agent.session(home.workspace, llm_client=model, auto_delegation=False)
        await quiet.send("ask explore to find it")
        assert quiet.subagent_tasks() == []
        wanted = agent.session(home.workspace, llm_client=model)
        await wanted.send("ask explore to find it")
        assert len(wanted.subagent_tasks()) == 1
    async with AsyncAgent.create({}, env=home.env) as agent:
        session = agent.session(home.workspace, llm_client=model, auto_delegation=given)
        await session.send("ask explore to find it")
        assert len(session.subagent_tasks()) == 1


async def test_a_model_that_may_not_delegate_has_no_tool_for_it(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    for options in (
        {"manual_delegation_enabled": False},
        {"auto_delegation": {"allowManualDelegation": False}},
    ):
        session = async_agent.session(home.workspace, {"llm_client": model, **options})
        await session.send("hi")
        assert "task" not in [tool.name for tool in model.requests[-1].tools]
        assert (await session.task(FIND)).success


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"auto_delegation": {"enable": True}}, "`auto_delegation`: there is no `enable`"),
        ({"auto_delegation": {"min_confidence": 2}}, "`auto_delegation`: "),
        ({"max_parallel_tasks": 0}, "`max_parallel_tasks`: must be a number from 1"),
    ],
)
async def test_an_option_that_cannot_be_used_is_named(
    async_agent: AsyncAgent, home: Home, options: dict[str, object], problem: str
) -> None:
    with pytest.raises(ConfigInvalid, match=problem):
        async_agent.session(home.workspace, options)


def test_block_settings_say_it_too(home: Home, model: ScriptedProvider) -> None:
    text = f"""
    default_model = "scripted/script"
    providers "scripted" {{ script = "{(home.folder / "talk.script").as_posix()}" }}
    auto_delegation {{ enabled = true  maxTasks = 1 }}
    max_parallel_tasks = 3
    """
    (home.folder / "talk.script").write_text(SCRIPT, "utf-8")
    with Agent.create(text, env=home.env) as agent:
        session = agent.session(home.workspace, llm_client=model)
        session.send("ask explore to find it and review it")
        assert len(session.subagent_tasks()) == 1
