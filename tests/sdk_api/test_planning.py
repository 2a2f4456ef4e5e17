"""Planning and goals as a program asks for them and is told of them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from acp_agent.base.paths import find_places
from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.sdk.embed.blocking.agent import Agent
from acp_agent.sdk.embed.events.agent_event import AgentEvent
from acp_agent.sdk.embed.options.session_options import SessionOptions
from acp_agent.sdk.embed.stores.session_data import SessionData
from acp_agent.sdk.embed.stores.session_stores import MemorySessionStore
from acp_agent.sdk.settings.trust import trust_folder
from tests.sdk_api.conftest import TALK, Home

PAGE = (Path(__file__).parents[2] / "docs" / "planning.md").read_text(encoding="utf-8")
TASKS = "- look at it\n- change it\n- test it"
"""A prompt that looks like several tasks."""

ANALYSIS = json.dumps(
    {
        "requires_planning": True,
        "goal": {"description": "It is mended", "success_criteria": ["the tests pass"]},
        "execution_plan": {
            "complexity": "complex",
            "steps": [
                {"id": "a", "content": "look", "priority": "high", "tool": "read"},
                {"id": "b", "content": "mend", "dependencies": ["a"], "success_criteria": "it is green"},
            ],
            "required_tools": ["read", "edit"],
        },
    }
)
PLANNER = f"""\
say: Hello.
usage: 1 1
when: Prepare this request
say: {ANALYSIS}
usage: 10 5
when: Judge whether this goal
say: {{"achieved": true}}
usage: 20 2
when: Step 1 of 2
say: I looked.
usage: 100 10
when: Step 2 of 2
say: I mended it.
usage: 200 20
"""


def test_a_project_says_how_its_prompts_are_planned_once_it_is_trusted(
    home: Home, planner: ScriptedProvider
) -> None:
    settings = home.workspace / ".acp-agent" / "config.toml"
    settings.parent.mkdir()
    settings.write_text('planning_mode = "enabled"\nmax_steps = 7\n', "utf-8")
    with Agent.create({}, env=home.env) as agent:
        plain = agent.session(home.workspace, llm_client=planner)
        assert [event.event_type for event in plain.stream("mend it")].count("step_start") == 0
        trust_folder(find_places(home.env), home.workspace)
        planned = agent.session(home.workspace, llm_client=planner)
        assert [event.event_type for event in planned.stream("mend it")].count("step_start") == 2
        other = agent.session(home.workspace, llm_client=planner, planning_mode="disabled")
        assert [event.event_type for event in other.stream("mend it")].count("step_start") == 0


@pytest.fixture
def planner() -> ScriptedProvider:
    return ScriptedProvider(PLANNER)


def told(events: Sequence[AgentEvent], *kinds: str) -> list[AgentEvent]:
    return [event for event in events if event.event_type in kinds]


def is_planned(agent: Agent, home: Home, model: ScriptedProvider, prompt: str, **options: Any) -> bool:
    """Whether the model was asked to plan this prompt."""
    session = agent.session(home.workspace, llm_client=model, **options)
    n_before = len(model.requests)
    session.send(prompt)
    return "Prepare this request" in str(list(model.requests)[n_before].messages[-1])


def test_item_92_auto_is_the_default_and_analyzes_what_looks_like_several_tasks(
    agent: Agent, home: Home, planner: ScriptedProvider
) -> None:
    assert is_planned(agent, home, planner, TASKS)
    assert is_planned(agent, home, planner, TASKS, planning_mode="auto")
    assert not is_planned(agent, home, planner, "mend it")
    assert not is_planned(agent, home, planner, "mend it", planning_mode="auto")


def test_item_92_auto_plans_only_what_the_model_says_needs_it(agent: Agent, home: Home) -> None:
    model = ScriptedProvider('say: Hello.\nwhen: Prepare this request\nsay: {"requires_planning": false}')
    session = agent.session(home.workspace, llm_client=model)
    events = list(session.stream(TASKS))
    (ended,) = told(events, "planning_end")
    assert (ended.data["estimated_steps"], told(events, "step_start", "task_updated")) == (0, [])
    assert len(model.requests) == 2


def test_items_88_and_93_enabled_plans_every_prompt(
    agent: Agent, home: Home, planner: ScriptedProvider
) -> None:
    assert is_planned(agent, home, planner, "mend it", planning_mode="enabled")
    session = agent.session(home.workspace, {"planningMode": "enabled", "llmClient": planner})
    assert session.send("mend it").text == "I mended it."


def test_item_94_disabled_plans_none_and_costs_no_request(
    agent: Agent, home: Home, planner: ScriptedProvider
) -> None:
    assert not is_planned(agent, home, planner, TASKS, planning_mode="disabled")
    assert len(planner.requests) == 1


def test_item_95_the_older_boolean_is_still_taken(
    agent: Agent, home: Home, planner: ScriptedProvider
) -> None:
    assert is_planned(agent, home, planner, "mend it", planning=True)
    assert not is_planned(agent, home, planner, TASKS, planning=False)
    assert is_planned(agent, home, planner, "mend it", planning=False, planning_mode="enabled")
    chained = SessionOptions().with_planning().with_goal_tracking()
    assert (chained.planning, chained.goal_tracking) == (True, True)


def test_item_96_tasks_are_told_whole_at_each_change_and_each_run_has_its_own(
    agent: Agent, home: Home, planner: ScriptedProvider
) -> None:
    session = agent.session(home.workspace, llm_client=planner)
    events = list(session.stream(TASKS))
    look: dict[str, Any] = {"id": "1", "content": "look", "status": "in_progress", "priority": "high"}
    mend: dict[str, Any] = {"id": "2", "content": "mend", "status": "pending", "priority": "medium"}
    updates = told(events, "task_updated")
    assert updates[0].tasks == [
        {**look, "tool": "read", "dependencies": [], "success_criteria": None},
        {**mend, "tool": None, "dependencies": ["1"], "success_criteria": "it is green"},
    ]
    assert [[task["status"] for task in update.tasks or ()] for update in updates] == [  # type: ignore[index]
        ["in_progress", "pending"],
        ["completed", "pending"],
        ["completed", "in_progress"],
        ["completed", "completed"],
    ]
    assert {update.session_id for update in updates} == {session.session_id}
    again = list(session.stream("and now?"))
    assert [update.tasks for update in told(again, "task_updated")] == [[]]
    first, second = (run.id for run in session.runs())
    kinds = [[record.event_type for record in session.run_events(run)] for run in (first, second)]
    assert (kinds[0].count("task_updated"), kinds[1].count("task_updated")) == (4, 1)


def test_item_79_planning_and_steps_are_told_in_order(
    agent: Agent, home: Home, planner: ScriptedProvider
) -> None:
    session = agent.session(home.workspace, llm_client=planner, planning_mode="enabled")
    events = list(session.stream("mend it"))
    quiet = ("text_delta", "turn_start", "turn_end")
    assert [event.event_type for event in events if event.event_type not in quiet] == [
        "start",
        "planning_start",
        "planning_end",
        *("step_start", "task_updated", "step_end", "task_updated"),
        *("step_start", "task_updated", "step_end", "task_updated"),
        "end",
    ]
    assert told(events, "planning_start")[0].prompt == "mend it"
    plan: Any = told(events, "planning_end")[0].data["plan"]
    assert (plan["goal"], plan["complexity"], plan["estimated_steps"]) == ("mend it", "complex", 2)
    assert plan["required_tools"] == ["read", "edit"]
    assert [step["content"] for step in plan["steps"]] == ["look", "mend"]
    assert [event.data for event in told(events, "step_start", "step_end")][:2] == [
        {"step_id": "1", "description": "look", "step_number": 1, "total_steps": 2},
        {"step_id": "1", "status": "completed", "step_number": 1, "total_steps": 2},
    ]


def test_items_79_and_89_goals_are_told_followed_and_judged(
    agent: Agent, home: Home, planner: ScriptedProvider
) -> None:
    session = agent.session(home.workspace, llm_client=planner, planning_mode="enabled", goal_tracking=True)
    events = list(session.stream("mend it"))
    (extracted,) = told(events, "goal_extracted")
    goal = {"description": "It is mended", "success_criteria": ["the tests pass"]}
    assert extracted.data == {"goal": {**goal, "progress": 0.0, "achieved": False}}
    shares = [
        (event.data["progress"], event.data["completed_steps"]) for event in told(events, "goal_progress")
    ]
    assert shares == [(0.5, 1), (1.0, 2), (1.0, 2)]
    achieved = events[-2]
    assert achieved.event_type == "goal_achieved"
    assert achieved.to_dict()["goal"] == "It is mended"
    assert achieved.data["total_steps"] == 2
    assert isinstance(achieved.data["duration_ms"], int)
    assert events[-1].event_type == "end"


def test_a_goal_that_is_not_reached_says_what_is_missing(agent: Agent, home: Home) -> None:
    model = ScriptedProvider(
        "say: Hello.\nwhen: Judge whether\n"
        'say: {"achieved": false, "progress": 0.25, "remaining_criteria": ["tests"]}'
    )
    session = agent.session(home.workspace, llm_client=model, planning_mode="disabled", goal_tracking=True)
    events = list(session.stream("mend it"))
    (progress,) = told(events, "goal_progress")
    assert progress.data == {
        "goal": "mend it",
        "progress": 0.25,
        "completed_steps": 0,
        "total_steps": 0,
        "remaining_criteria": ["tests"],
    }
    assert told(events, "goal_achieved", "planning_start") == []


def test_what_planning_took_is_part_of_the_result(
    agent: Agent, home: Home, planner: ScriptedProvider
) -> None:
    session = agent.session(home.workspace, llm_client=planner, planning_mode="enabled", goal_tracking=True)
    usage = session.send("mend it").usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (10 + 100 + 200 + 20, 5 + 10 + 20 + 2)


def test_item_180_tasks_are_saved_and_a_resumed_session_plans_as_it_did(
    agent: Agent, home: Home, planner: ScriptedProvider
) -> None:
    store = MemorySessionStore()
    options = SessionOptions(llm_client=planner, session_store=store, planning_mode="enabled")
    session = agent.session(home.workspace, options)
    session.send("mend it")
    session.save()
    data = store.load(session.session_id)
    assert isinstance(data, SessionData)
    tasks: Any = data.tasks
    assert [(task["id"], task["status"]) for task in tasks] == [("1", "completed"), ("2", "completed")]
    assert data.todos == data.tasks
    assert data.config.planning_enabled
    events_before = [event.to_dict() for event in session.run_events(session.runs()[0].id)]
    session.close()
    resumed = agent.resume_session(data.id, SessionOptions(llm_client=planner, session_store=store))
    events_after = [event.to_dict() for event in resumed.run_events(resumed.runs()[0].id)]
    kinds = ("planning_start", "planning_end", "step_start", "step_end", "task_updated")
    assert [event for event in events_after if event["type"] in kinds] == [
        event for event in events_before if event["type"] in kinds
    ]
    assert told(list(resumed.stream("mend this too")), "planning_start")
    resumed.close()
    options = SessionOptions(llm_client=planner, session_store=store, planning_mode="disabled")
    assert not told(list(agent.resume_session(data.id, options).stream("and this")), "planning_start")


def test_the_models_own_plan_is_told_in_the_same_way(agent: Agent, home: Home) -> None:
    call = 'call: todo {"entries": [{"content": "look", "status": "in_progress"}]}'
    session = agent.session(home.workspace, llm_client=ScriptedProvider(f"{call}\n---\nsay: planned"))
    events = list(session.stream("plan"))
    entry = {"id": "1", "content": "look", "status": "in_progress", "priority": "medium"}
    assert told(events, "task_updated")[0].tasks == [
        {**entry, "tool": None, "dependencies": [], "success_criteria": None}
    ]


def test_the_settings_say_how_sessions_plan_and_options_win(home: Home, planner: ScriptedProvider) -> None:
    with Agent.create({"planning_mode": "enabled"}, env=home.env) as agent:
        assert is_planned(agent, home, planner, "mend it")
        assert not is_planned(agent, home, planner, TASKS, planning_mode="disabled")
    (settings,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    (home.folder / "agent.toml").write_text(settings, encoding="utf-8")
    with Agent.create(str(home.folder / "agent.toml"), env=home.env) as agent:
        session = agent.session(home.workspace, llm_client=planner)
        assert told(list(session.stream("mend it")), "goal_achieved")


def test_the_program_on_the_page_runs(home: Home) -> None:
    (home.folder / "talk.script").write_text(TALK, encoding="utf-8")
    (home.folder / "agent.toml").write_text(
        'model = "scripted/script"\n[providers.scripted]\nscript = "talk.script"\n', encoding="utf-8"
    )
    home.env["OPENAI_API_KEY"] = base64.b64encode(b"key").decode()
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert home.run(program) == "[('Say hello', 'in_progress')]\n[('Say hello', 'completed')]\n"
