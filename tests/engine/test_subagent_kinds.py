"""What a kind of subagent may do, who is asked for it, and by which names it is found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent import ports
from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.agent_core import Defaults
from acp_agent.engine.permission.narrowing import narrowed
from acp_agent.engine.permission.rules import Rules, Ruling, ToolUse, parse_rule
from acp_agent.engine.subagents.kinds import find_kind, known_kinds, rules_of
from acp_agent.model import events
from acp_agent.model.permission import Access
from acp_agent.model.question import Accepted, Form
from acp_agent.model.subagent import AgentKind, Confirmation, FoundAgents, KindRules
from acp_agent.model.surroundings import Surroundings
from acp_agent.model.toolcall import ToolOutcome, succeeded
from acp_agent.tools.task import task_tools
from tests.engine.conftest import Stage, Tool, open_stage
from tests.engine.test_subagents import answers, of, states, task


def stage(*kinds: AgentKind, child: str, tools: Sequence[ports.Tool], mode: Any = "ask") -> Any:
    async def look_around(_roots: tuple[Path, ...]) -> Surroundings:
        return Surroundings(agents=FoundAgents(kinds))

    script = f"{task('own')}\n---\nsay: done\nwhen: child\n{child}\n---\nsay: {{result}}"
    return open_stage(
        script,
        *tools,
        task_tools=task_tools,
        defaults=Defaults("scripted/script", mode, look_around=look_around),
    )


def own(**more: Any) -> AgentKind:
    return AgentKind("own", "Of its own.", "Be.", **more)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("explore", "explore"),
        ("general-purpose", "general"),
        ("code-review", "review"),
        ("reviewer", "review"),
        ("verify", "verification"),
        ("verifier", "verification"),
        ("nobody", None),
    ],
)
def test_built_in_kinds_have_the_names_of_other_programs_too(name: str, found: str | None) -> None:
    kind = find_kind(known_kinds(()), name)
    assert (kind and kind.name) == found


def test_a_definition_takes_the_place_of_an_alias() -> None:
    mine = AgentKind("reviewer", "Mine.", "Be.")
    assert find_kind(known_kinds([mine]), "reviewer") is mine


def test_087_the_built_in_kinds_have_the_steps_and_the_rights_that_are_known_of_them() -> None:
    kinds = known_kinds(())
    assert {name: kind.max_steps for name, kind in kinds.items()} == {
        "explore": 20,
        "plan": 30,
        "general": 50,
        "review": 25,
        "verification": 30,
    }
    assert [name for name, kind in kinds.items() if kind.read_only] == ["explore", "plan", "review"]


async def test_a_hidden_kind_is_not_told_of_but_works_for_who_knows_it() -> None:
    async with stage(own(hidden=True), child="say: hm", tools=()) as on:
        await on.prompt("go")
        (tool,) = [tool for tool in on.provider.requests[0].tools if tool.name == "task"]
        assert "own" not in tool.description.split()
        assert answers(on) == ["hm"]


@pytest.mark.parametrize(
    ("rules", "ran"),
    [
        (KindRules(), True),
        (KindRules(deny=("change",)), False),
        (KindRules(allow=("change",), default="deny"), True),
        (KindRules(allow=("look",), default="deny"), False),
    ],
)
async def test_rules_of_a_kind_restrict_what_it_does(rules: KindRules, *, ran: bool) -> None:
    change = Tool("change", "write")
    async with stage(own(rules=rules), child="call: change {}", tools=[change], mode="auto") as on:
        await on.prompt("go")
        assert bool(change.runs) is ran


@pytest.mark.parametrize(
    ("kind", "offered"),
    [
        (own(denied_tools=("Edit", "mcp__db", "WebFetch")), {"bash", "git", "write", "mcp__web__get"}),
        (own(denied_tools=("mcp__*", "BASH", "web*")), {"edit", "patch", "write"}),
        (own(tools=("edit", "mcp__db__*")), {"edit", "patch", "mcp__db__ask"}),
        (own(tools=("mcp__db", "bash"), denied_tools=("git",)), {"bash", "mcp__db__ask"}),
        (own(tools=("Read", "WebFetch")), {"web_fetch"}),
        (own(tools=()), set[str]()),
    ],
)
async def test_tools_of_a_kind_are_named_as_in_rules(kind: AgentKind, offered: set[str]) -> None:
    names = ("bash", "git", "edit", "patch", "write", "web_fetch", "mcp__db__ask", "mcp__web__get")
    async with stage(kind, child="say: hm", tools=[Tool(name) for name in names]) as on:
        await on.prompt("go")
        assert {tool.name for tool in on.provider.requests[1].tools} == offered


async def test_what_a_kind_allows_is_asked_about_all_the_same() -> None:
    change = Tool("change", "write")
    async with stage(own(rules=KindRules(allow=("change",))), child="call: change {}", tools=[change]) as on:
        await on.prompt("go")
        assert len(on.host.asked) == len(change.runs) == 1


@pytest.mark.parametrize(
    ("confirmation", "paths", "asked", "ran"),
    [
        ("inherit_parent", (), 1, True),
        ("deny_on_ask", (), 0, False),
        ("auto_approve", (), 0, True),
        ("auto_approve", ("/project/.git/config",), 1, True),
    ],
)
async def test_who_answers_for_a_kind_is_what_its_definition_says(
    confirmation: Confirmation, paths: tuple[str, ...], asked: int, *, ran: bool
) -> None:
    change = Tool("change", "write", paths=paths)
    async with stage(own(confirmation=confirmation), child="call: change {}", tools=[change]) as on:
        await on.prompt("go")
        assert (len(on.host.asked), bool(change.runs)) == (asked, ran)


async def test_plan_mode_and_denials_hold_for_what_is_approved_unasked() -> None:
    change = Tool("change", "write")
    kind = own(confirmation="auto_approve")
    async with stage(kind, child="call: change {}", tools=[change], mode="plan") as on:
        await on.prompt("go")
        assert change.runs == []


async def test_a_question_of_a_subagents_tool_names_it() -> None:
    async def ask(_: JsonObject, context: ports.ToolContext) -> ToolOutcome:
        return succeeded(str(await context.ask(Form("Which one?"))))

    on: Stage
    async with stage(own(), child="call: choose {}", tools=[Tool("choose", work=ask)]) as on:
        on.host.questions.answers = [Accepted()]
        await on.prompt("go")
        ((call_id, question),) = on.host.questions.asked
        assert question.message == "own: Which one?"
        assert states(on) == ["waiting", "running", "completed"]
        assert of(on, events.SubagentChanged)[0].call_id == call_id


RULINGS = st.sampled_from(["allow", "ask", "deny"])
RULES = st.lists(st.sampled_from(["read", "write", "bash", "*"]).map(parse_rule), max_size=2).map(tuple)
SETS = st.builds(Rules, RULES, RULES, RULES)
STRICTNESS: dict[Ruling | None, int] = {"allow": 0, None: 1, "ask": 2, "deny": 3}


@given(base=SETS, mine=SETS, default=st.none() | RULINGS, tool=st.sampled_from(["read", "write", "x"]))
def test_narrowed_rules_never_allow_more(base: Rules, mine: Rules, default: Ruling | None, tool: str) -> None:
    use = ToolUse(tool, {}, Access("write", tool))
    roots = (PurePath("/work"),)
    rules = narrowed(base, mine, default)
    assert STRICTNESS[rules.judge(use, roots)] >= STRICTNESS[base.judge(use, roots)]
    assert rules.joined(Rules(deny=(parse_rule(tool),))).judge(use, roots) == "deny"


def test_rules_that_say_nothing_change_nothing() -> None:
    base = Rules(ask=(parse_rule("bash"),))
    assert rules_of(AgentKind("a", "b", "c"), base) is base
