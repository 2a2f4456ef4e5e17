"""Objects that fit a schema: called for, read from text, repaired, and given up on."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest

from acp_agent.model.chat import FromUser
from acp_agent.model.content import Text
from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.sdk.embed.agent import AsyncAgent
from acp_agent.sdk.embed.blocking.agent import Agent
from acp_agent.sdk.embed.errors import ConfigInvalid, QuestionEmpty, RunFailed, SessionClosed
from acp_agent.sdk.embed.sessions.object_schema import value_in
from acp_agent.sdk.embed.sessions.objects import ObjectMode
from acp_agent.testing.model_server import ModelServer
from tests.sdk_api.conftest import Home

PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
ADA = {"name": "Ada", "age": 36}

GOOD = 'call: result {"name": "Ada", "age": 36}\nusage: 50 10'
"""The model calls the tool as it should."""

BAD = 'call: result {"name": "Ada", "age": -1}\nusage: 50 10'
MENDED = f"{BAD}\nwhen: does not fit\n{GOOD}"


@pytest.fixture(params=["openai", "anthropic"])
def services(
    home: Home, serve: Callable[[str], ModelServer], request: pytest.FixtureRequest
) -> Generator[Callable[[str], Agent]]:
    """Agents that ask a service of this kind, which plays a script."""
    kind: str = request.param
    agents: list[Agent] = []

    def connect(script: str) -> Agent:
        server = serve(script)
        url = server.openai_url if kind == "openai" else server.anthropic_url
        provider = {"type": kind, "base_url": url, "api_key": "k", "models": ["m"]}
        agents.append(Agent.create({"model": f"{kind}/m", "providers": {kind: provider}}, env=home.env))
        return agents[-1]

    yield connect
    for agent in agents:
        agent.close()


def test_a_service_gives_an_object_by_calling_a_tool(services: Callable[[str], Agent], home: Home) -> None:
    session = services(GOOD).session(home.workspace)
    made = session.generate_object(PERSON, "Ada is 36.")
    assert (made.object, made.mode, made.repair_attempts) == (ADA, "tool", 0)
    assert made.usage.total_tokens == 60
    assert session.history() == []


def test_a_service_gives_an_object_in_its_text(services: Callable[[str], Agent], home: Home) -> None:
    session = services('say: {"name": "Ada", "age": 36}').session(home.workspace)
    made = session.generate_object(PERSON, "Ada is 36.", mode="prompt")
    assert (made.object, made.mode) == (ADA, "prompt")


def test_a_service_is_told_what_does_not_fit_and_mends_it(
    services: Callable[[str], Agent], home: Home
) -> None:
    made = services(MENDED).session(home.workspace).generate_object(PERSON, "Ada is 36.")
    assert (made.object, made.repair_attempts, made.usage.total_tokens) == (ADA, 1, 120)


def test_the_model_is_told_the_form_and_nothing_of_the_conversation(agent: Agent, home: Home) -> None:
    model = ScriptedProvider(MENDED)
    session = agent.session(home.workspace, llm_client=model)
    session.generate_object(
        PERSON, "Ada is 36.", schema_name="result", schema_description="A person.", system="You read names."
    )
    first, second = model.requests
    (told,) = first.tools
    assert (told.name, told.description, told.input_schema) == ("result", "A person.", PERSON)
    assert first.system.startswith("You read names.\n\nAnswer by calling the tool `result`")
    assert first.messages == (FromUser((Text("Ada is 36."),)),)
    complaint = second.messages[-1].content[0]  # type: ignore[union-attr]
    assert isinstance(complaint, Text)
    assert "$.age: -1 is less than the minimum of 0" in complaint.text
    session.generate_object(PERSON, "does not fit", mode="tool")
    model = ScriptedProvider('say: ```json\\n{"name": "Ada", "age": 36}\\n```')
    session = agent.session(home.workspace, llm_client=model)
    assert session.generate_object(PERSON, "Ada", mode="prompt", schema_description="A person.").object == ADA
    assert model.requests[0].tools == ()
    assert '"required":["name","age"]' in model.requests[0].system


@pytest.mark.parametrize(
    ("script", "mode", "used"),
    [
        (GOOD, "auto", "tool"),
        ('say: It is {"name": "Ada", "age": 36}, I think.', "auto", "prompt"),
        (f"say: Well.\n{GOOD}", "tool", "tool"),
    ],
)
def test_in_between_either_way_is_taken(
    agent: Agent, home: Home, script: str, mode: ObjectMode, used: str
) -> None:
    session = agent.session(home.workspace, llm_client=ScriptedProvider(script))
    made = session.generate_object(PERSON, "Ada", mode=mode)
    assert (made.object, made.mode) == (ADA, used)


@pytest.mark.parametrize(
    ("script", "mode", "attempts", "complaint"),
    [
        ("closing: no idea", "auto", 2, "it is no JSON"),
        ("closing: no idea", "tool", 0, "you did not call the tool"),
        (f"{BAD}\nwhen: does not fit\n{BAD}", "auto", 5, r"\$.age: -1 is less than"),
        ('call-raw: result {"name": ', "auto", 0, "it is no JSON"),
        ('call: result {"name": "A"}\nstop: max_tokens', "auto", 0, "longer than you can write"),
        ("say: no\nstop: refusal", "auto", 0, "refused"),
    ],
)
def test_what_never_fits_is_given_up_on(
    agent: Agent, home: Home, script: str, mode: ObjectMode, attempts: int, complaint: str
) -> None:
    model = ScriptedProvider(script)
    session = agent.session(home.workspace, llm_client=model)
    with pytest.raises(RunFailed, match=complaint) as caught:
        session.generate_object(PERSON, "Ada", mode=mode, max_repair_attempts=attempts)
    assert caught.value.code == "object_invalid"
    assert len(model.requests) == attempts + 1


def test_a_value_may_be_anything_that_a_schema_allows(agent: Agent, home: Home) -> None:
    schema: dict[str, Any] = {
        "type": "array",
        "items": {"$ref": "#/$defs/name"},
        "$defs": {"name": {"type": "string"}},
    }
    model = ScriptedProvider('call: result {"value": ["a", "b"]}')
    session = agent.session(home.workspace, llm_client=model)
    assert session.generate_object(schema, "names").object == ["a", "b"]
    arguments = model.requests[0].tools[0].input_schema
    assert (arguments["type"], arguments["$defs"]) == ("object", schema["$defs"])
    model = ScriptedProvider("say: [3]\nwhen: does not fit\nsay: []")
    made = agent.session(home.workspace, llm_client=model).generate_object(schema, "names", mode="prompt")
    assert (made.object, made.repair_attempts) == ([], 1)


@pytest.mark.parametrize(
    ("schema", "options", "message"),
    [
        ({"type": "nonsense"}, {}, "`schema`"),
        ({"$ref": "https://example.invalid/schema.json"}, {}, "leads nowhere"),
        ({"$ref": "#"}, {}, "its references never end"),
        ({"$schema": 5}, {}, "is no string"),
        (PERSON, {"schema_name": "a b"}, "`schema_name`"),
        (PERSON, {"max_repair_attempts": 6}, "must be 0 to 5"),
        (PERSON, {"max_repair_attempts": -1}, "must be 0 to 5"),
    ],
)
def test_what_cannot_be_used_is_named(
    agent: Agent, home: Home, schema: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    model = ScriptedProvider('closing: {"value": 1}')
    with pytest.raises(ConfigInvalid, match=message):
        agent.session(home.workspace, llm_client=model).generate_object(schema, "x", **options)


async def test_failures_are_those_of_any_question(async_agent: AsyncAgent, home: Home) -> None:
    session = async_agent.session(home.workspace, llm_client=ScriptedProvider("error: 401 who are you"))
    with pytest.raises(RunFailed) as caught:
        await session.generate_object(PERSON, "Ada")
    assert (caught.value.code, caught.value.status) == ("unauthorized", 401)
    with pytest.raises(QuestionEmpty):
        await session.generate_object(PERSON, "  ")
    await session.close()
    with pytest.raises(SessionClosed):
        await session.generate_object(PERSON, "Ada")


@pytest.mark.parametrize("text", ['{"a": 1}', '```json\n{"a": 1}\n```', 'Here: {"a": 1}.', ' {"a":\n1} '])
def test_a_value_is_found_in_a_text(text: str) -> None:
    assert value_in(text) == {"a": 1}
