"""Options in all their spellings, and what they change."""

from __future__ import annotations

import inspect
import typing
from typing import Any

import pytest

from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.sdk.embed.agent import AsyncAgent
from acp_agent.sdk.embed.blocking.agent import Agent
from acp_agent.sdk.embed.blocking.session import Session
from acp_agent.sdk.embed.blocking.stream import EventStream
from acp_agent.sdk.embed.errors import AttachmentInvalid, ConfigInvalid, UnknownOption
from acp_agent.sdk.embed.events.messages import Message
from acp_agent.sdk.embed.options.attachments import Attachment
from acp_agent.sdk.embed.options.fields import OptionFields, SystemPromptSlots
from acp_agent.sdk.embed.options.permission import ConfirmationPolicy, PermissionPolicy
from acp_agent.sdk.embed.options.session_options import NAMES, SessionOptions
from acp_agent.sdk.embed.runs.streams import AsyncEventStream
from acp_agent.sdk.embed.sessions.session import AsyncSession
from tests.sdk_api.conftest import Home


def spellings() -> list[SessionOptions]:
    assigned = SessionOptions()
    assigned.session_id, assigned.max_tool_rounds = "same", 7
    return [
        assigned,
        SessionOptions(session_id="same", max_tool_rounds=7),
        SessionOptions().with_session_id("same").with_max_tool_rounds(7),
    ]


def test_010_022_158_every_spelling_means_the_same() -> None:
    one, two, three = spellings()
    assert vars(one) == vars(two) == vars(three)


def test_009_023_135_positional_by_name_as_mapping_and_as_keywords(agent: Agent, home: Home) -> None:
    options = SessionOptions(session_id="a")
    assert agent.session(home.workspace, options).session_id == "a"
    assert agent.session(home.workspace, options=options).session_id == "a"
    assert agent.session(home.workspace, {"session_id": "b"}).session_id == "b"
    assert agent.session(home.workspace, {"sessionId": "d"}).session_id == "d"
    assert agent.session(home.workspace, options, session_id="c").session_id == "c"
    assert options.session_id == "a"
    assert agent.session(home.workspace).session_id.startswith("sess_")


def test_every_option_has_one_name_everywhere() -> None:
    assert set(OptionFields.__annotations__) == set(NAMES)
    chained = {name.removeprefix("with_") for name in dir(SessionOptions) if name.startswith("with_")}
    short = {
        "permissive": "permissive_policy",
        "max_parse_retries": "parse_retries",
        "tool_timeout_ms": "tool_timeout",
        "circuit_breaker_threshold": "circuit_breaker",
        "llm_api_timeout_ms": "llm_api_timeout",
        "skill_dirs": "skills_from_dir",
        "agent_dirs": "agents_from_dir",
        "inline_skills": "inline_skill",
        "worker_agents": "worker_agent",
        "tools": "tool",
        "memory_dir": "file_memory",
        "context_providers": "context_provider",
    }
    assert {short.get(name, name) for name in NAMES} <= chained


def test_an_unknown_option_names_the_nearest(agent: Agent, home: Home) -> None:
    with pytest.raises(UnknownOption, match="unknown option `modle`; did you mean `model`"):
        agent.session(home.workspace, modle="x")  # pyright: ignore[reportCallIssue] # a misspelled one
    with pytest.raises(UnknownOption, match="did you mean `auto_save`"):
        SessionOptions().auto_sav = True
    with pytest.raises(ConfigInvalid, match="`max_tool_rounds`: must be a whole number"):
        agent.session(home.workspace, max_tool_rounds=0)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"retention_limits": {"max_run": 1}}, "there is no `max_run`"),
        ({"permission_policy": {"alow": []}}, "there is no `alow`; did you mean `allow`"),
        ({"confirmation_policy": {"enabeld": False}}, "there is no `enabeld`; did you mean `enabled`"),
        ({"retry_config": {"max_retry": 1}}, "there is no `max_retry`; did you mean `max_retries`"),
        ({"skill_dirs": "skills"}, r"`skill_dirs`: must be a list \(each item a path\), not `skills`"),
        ({"skill_dirs": [5]}, "`skill_dirs`: must be .*, not a list of int"),
        ({"auto_save": "yes"}, "`auto_save`: must be True or False, not `yes`"),
        ({"max_tool_rounds": True}, "`max_tool_rounds`: must be a whole number from 1 on, not `True`"),
        ({"max_parse_retries": -1}, "`max_parse_retries`: must be a whole number from 0 on, not `-1`"),
        ({"temperature": float("nan")}, "`temperature`: must be a number, not `nan`"),
        ({"tenant_id": 5}, "`tenant_id`: must be a text, not `5`"),
        ({"command_env": {"KEY": 5}}, "`command_env`: must be a mapping, not `dict`"),
        ({"memory_dir": 5}, "`memory_dir`: must be a path, not `5`"),
        ({"planning_mode": "often"}, "`planning_mode`: must be one of auto, enabled, disabled, not `often`"),
        ({"prompt_slots": {"roll": "x"}}, "`prompt_slots`: there is no `roll`; did you mean `role`"),
        ({"permission_policy": PermissionPolicy(allow="read")}, "`permission_policy`: Expected `array`"),  # type: ignore[arg-type]
        ({"confirmation_policy": ConfirmationPolicy(timeout_action="allow")}, "Invalid enum value 'allow'"),  # type: ignore[arg-type]
        ({"budget_guard": object()}, "one of the methods `check_before_llm`, `record_after_llm`, "),
        ({"llm_client": object()}, "an object with the methods `models`, `stream`, `prepare`, `aclose`, not"),
        (
            {"session_store": object()},
            "the methods `save`, `load`, `delete`, `list`, `exists` or an object with",
        ),
        ({"permission_checker": True}, "`permission_checker`: must be a function, not `True`"),
        ({"hook_engine": {}}, "`hook_engine`: must be a `HookEngine`, not `dict`"),
        ({"tools": [print]}, "`tools`: .* has no `name` or no method `execute`"),
        ({"temperature": "hot"}, "`temperature`: must be a number"),
        ({"session_store": "./sessions"}, "`session_store`: `./sessions` is no store"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused_before_the_session_is_made(
    agent: Agent, home: Home, options: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ConfigInvalid, match=complaint):
        agent.session(home.workspace, options)


ODD: tuple[object, ...] = (
    5,
    -1,
    True,
    "zzz",
    b"x",
    1.5,
    float("nan"),
    object(),
    [],
    [5],
    ("a",),
    {},
    {"x": 1},
)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_whatever_an_option_is_given_it_is_used_or_refused_by_its_name(
    agent: Agent, home: Home, name: str
) -> None:
    complaints: list[str] = []
    for value in ODD:
        try:
            agent.session(home.workspace, {name: value})
        except ConfigInvalid as refused:
            complaints.append(str(refused))
    assert complaints, "nothing is refused"
    assert [one for one in complaints if not one.startswith((f"`{name}`", "provider 'zzz'"))] == []


def test_what_is_no_prompt_no_message_and_no_picture_is_refused_at_once(agent: Agent, home: Home) -> None:
    session: Any = agent.session(home.workspace)
    with pytest.raises(TypeError, match="a prompt is a text, not `NoneType`"):
        session.send(None)
    with pytest.raises(TypeError, match="a question is a text, not `int`"):
        session.btw(5)
    with pytest.raises(TypeError, match="a message is a `Message` or a mapping, not `str`"):
        session.send("hi", ["hello"])
    for odd in (Message.user(5), Message("user", ("hi",))):  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="a message consists of a `ContentBlock` for each part"):
            session.send("hi", [odd])
    with pytest.raises(ValueError, match=r"a message has the role .*, not `system`"):
        session.send("hi", [Message("system", ())])  # type: ignore[arg-type]
    with pytest.raises(AttachmentInvalid, match="the data of an attachment are bytes, not `str`"):
        session.send_with_attachments("hi", [Attachment.png("raw")])  # type: ignore[arg-type]
    with pytest.raises(ConfigInvalid, match="`/go` needs a function that answers it, not `int`"):
        session.register_command("go", "Go", 5)
    with pytest.raises(ConfigInvalid, match="`schema`: must be a mapping, not `str`"):
        session.generate_object("{}", "make one")
    with pytest.raises(ConfigInvalid, match=r"`agent_dirs`: must be a list .*, not `\./agents`"):
        agent.session_for_agent(home.workspace, "explore", "./agents")
    with pytest.raises(AttachmentInvalid, match="an attachment is no `str`"):
        session.send_with_attachments("hi", ["screen.png"])
    assert session.runs() == []


def test_012_a_model_has_to_be_configured(agent: Agent, home: Home) -> None:
    with pytest.raises(ConfigInvalid, match="provider 'openai' or model 'nothing' not found in config"):
        agent.session(home.workspace, model="openai/nothing")


def test_015_to_021_slots_change_words_and_never_the_rules(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    plain = agent.session(home.workspace, llm_client=model)
    plain.send("hi")
    before = model.requests[-1].system
    slots = SystemPromptSlots(
        role="You are a senior Rust developer.",
        guidelines="Use clippy.",
        response_style="Be concise.",
        extra="This project uses tokio.",
    )
    agent.session(home.workspace, SessionOptions(llm_client=model).with_prompt_slots(slots)).send("hi")
    told = model.requests[-1].system
    identity = "You are acp-agent, a coding agent inside the user's editor."
    assert told.startswith("You are a senior Rust developer. You act with tools")
    assert told.startswith(before.replace(identity, "You are a senior Rust developer."))
    places = [
        told.index(words)
        for words in (
            *("Rust developer", "Find out before", "## Guidelines\n\nUse clippy."),
            *("## Response Format\n\nBe concise.", "This project uses tokio."),
        )
    ]
    assert places == sorted(places)
    assert told.endswith("This project uses tokio.")


def test_024_one_slot_alone_and_tools_still_work(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    session = agent.session(home.workspace, llm_client=model, role="You are Ada.")
    assert "remember the milk" in session.send("read it").text
    assert model.requests[-1].system.startswith("You are Ada. You act with tools")


def test_013_014_folders_of_settings_and_sessions_are_merged(home: Home, model: ScriptedProvider) -> None:
    for name in ("global", "own"):
        skill = home.folder / name / "skills" / f"skill-{name}"
        skill.mkdir(parents=True)
        (skill / "SKILL.md").write_text(f"---\ndescription: {name}\n---\nDo {name}.", encoding="utf-8")
        agents = home.folder / name / "agents"
        agents.mkdir()
        (agents / f"kind-{name}.md").write_text(f"---\ndescription: {name}\n---\nBe.", encoding="utf-8")
    folder = home.folder
    config = {
        "skill_dirs": [str(folder / "global" / "skills")],
        "agent_dirs": [str(folder / "global" / "agents")],
    }
    with Agent.create(config, env=home.env) as agent:
        session = agent.session(
            home.workspace,
            llm_client=model,
            skill_dirs=[folder / "own" / "skills"],
            agent_dirs=[folder / "own" / "agents"],
        )
        commands = session.send("/help").text
        assert "skill-global" in commands
        assert "skill-own" in commands
        session.send("hi")
        task = next(spec for spec in model.requests[-1].tools if spec.name == "task")
        assert "kind-global" in str(task)
        assert "kind-own" in str(task)
        assert agent.session_for_agent(home.workspace, "kind-global").tool_names


def test_147_149_150_an_agent_definition_from_a_folder(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    folder = home.folder / "agents"
    folder.mkdir()
    (folder / "scribe.md").write_text(
        "---\ndescription: writes\ntools: read, write\n---\nYou are a scribe.", encoding="utf-8"
    )
    session = agent.session_for_agent(
        home.workspace, "scribe", [folder], SessionOptions(llm_client=model, extra="In verse.")
    )
    session.send("hi")
    assert {"read", "write"} <= set(session.tool_names)
    assert "bash" not in session.tool_names
    assert model.requests[-1].system.startswith("You are a scribe.\n\nIn verse.")
    with pytest.raises(ConfigInvalid, match="no agent definition `painter`"):
        agent.session_for_agent(home.workspace, "painter")


PAIRS = ((AsyncAgent, Agent), (AsyncSession, Session), (AsyncEventStream, EventStream))


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_the_blocking_form_has_the_same_names_parameters_and_results(ours: type, theirs: type) -> None:
    names = {name for name in dir(ours) if not name.startswith("_")} - {"portal"}
    renamed = {name: name if name != "aclose" else "close" for name in names}
    assert set(renamed.values()) == {name for name in dir(theirs) if not name.startswith("_")}
    for name, other_name in renamed.items():
        mine: typing.Any = getattr(ours, name)
        other: typing.Any = getattr(theirs, other_name)
        if isinstance(mine, property):
            assert isinstance(other, property)
            mine, other = mine.fget, other.fget
        one, two = inspect.signature(mine), inspect.signature(other)
        assert list(one.parameters.values()) == list(two.parameters.values()), name
        returned = str(one.return_annotation)
        assert returned.replace("AsyncSession", "Session").replace("AsyncEventStream", "EventStream") == str(
            two.return_annotation
        ), name
