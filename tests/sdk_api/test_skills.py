"""Skills of a program: built in, from folders, as text, and what they hold the model to."""

from __future__ import annotations

from typing import Any

import pytest

from acp_agent import InlineSkill
from acp_agent.base.jsontext import dump_text
from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.sdk.embed.blocking.agent import Agent
from acp_agent.sdk.embed.errors import ConfigInvalid
from tests.sdk_api.conftest import Home


def use(name: str, prompt: str = "") -> str:
    return f"call: skill {dump_text({'skill_name': name, 'prompt': prompt})}"


def player(script: str = "say: hi") -> ScriptedProvider:
    return ScriptedProvider(f"closing: Done.\n{script}")


def test_item_087_the_skills_that_come_with_the_agent_are_an_option(agent: Agent, home: Home) -> None:
    model = player(f"{use('find-bugs', 'in auth.py')}\n---\nsay: Told: {{result}}")
    session = agent.session(home.workspace, llm_client=model, builtin_skills=True)
    told = session.send("go").text
    assert {"skill"} <= set(session.tool_names)
    assert "in auth.py" in told
    assert "- code-review: " in model.requests[0].system
    for options in ({}, {"builtin_skills": False}):
        plain = agent.session(home.workspace, {"llm_client": model, **options})
        plain.send("go")
        assert "code-review" not in model.requests[-1].system
        assert "skill" not in plain.tool_names


def test_settings_say_it_too_and_the_option_wins(home: Home) -> None:
    with Agent.create({"builtin_skills": True}, env=home.env) as agent:
        model = player()
        agent.session(home.workspace, llm_client=model).send("hi")
        assert "- code-search: " in model.requests[-1].system
        agent.session(home.workspace, llm_client=model, builtin_skills=False).send("hi")
        assert "code-search" not in model.requests[-1].system


def test_skills_as_text_count_more_than_those_in_folders(agent: Agent, home: Home) -> None:
    folder = home.folder / "skills" / "deploy"
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text("---\ndescription: Theirs\n---\nTheir way.", "utf-8")
    model = player(f"{use('deploy')}\n---\nsay: {{result}}")
    skills: list[Any] = [
        {"name": "deploy", "kind": "instruction", "content": "---\ndescription: Mine\n---\nMy way."},
        InlineSkill(name="ada", kind="persona", content="You are Ada."),
    ]
    session = agent.session(
        home.workspace, llm_client=model, skill_dirs=[home.folder / "skills"], inline_skills=skills
    )
    assert session.send("go").text.startswith("My way.")
    assert "- deploy: Mine" in model.requests[0].system
    assert "You are Ada." in model.requests[0].system


def test_the_folders_of_a_session_count_more_than_those_of_the_settings(home: Home) -> None:
    for name in ("global", "own"):
        place = home.folder / name / "deploy"
        place.mkdir(parents=True)
        (place / "SKILL.md").write_text(f"The {name} way.", "utf-8")
    model = player(f"{use('deploy')}\n---\nsay: {{result}}")
    with Agent.create({"skill_dirs": [str(home.folder / "global")]}, env=home.env) as agent:
        session = agent.session(home.workspace, llm_client=model, skill_dirs=[home.folder / "own"])
        assert session.send("go").text.startswith("The own way.")


@pytest.mark.parametrize("enforced", [True, False])
def test_a_skill_in_use_holds_the_model_to_its_tools_if_that_is_wanted(
    agent: Agent, home: Home, *, enforced: bool
) -> None:
    write = 'call: write {"path": "made.txt", "content": "made"}'
    model = player(f"{use('look')}\n---\n{write}\n---\nsay: {{result}}")
    session = agent.session(
        home.workspace,
        llm_client=model,
        permission_policy={"default_decision": "allow"},
        inline_skills=[{"name": "look", "content": "Look.", "allowedTools": ["read"]}],
        enforce_active_skill_tool_restrictions=enforced,
    )
    session.send("go")
    assert (home.workspace / "made.txt").exists() is not enforced


@pytest.mark.parametrize(
    ("skill", "problem"),
    [
        ({"name": "x"}, "missing required field `content`"),
        ({"name": "a b", "content": "x"}, "`name` may have letters"),
        ({"name": "x", "content": "  "}, "`inline skill x`: has no text"),
        ({"name": "x", "content": "y", "kind": "wizard"}, "`kind`: `wizard` is none of"),
        ({"name": "x", "content": "---\nnonsense\n---\ny"}, "is not written as `key: value`"),
    ],
)
def test_a_skill_that_cannot_be_used_is_named(
    agent: Agent, home: Home, skill: dict[str, object], problem: str
) -> None:
    with pytest.raises(ConfigInvalid, match=problem):
        agent.session(home.workspace, inline_skills=[skill])
