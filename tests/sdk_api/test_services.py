"""The same stories with the scripted model, with an OpenAI service and with an Anthropic one."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest

from acp_agent.sdk.embed.blocking.agent import Agent
from acp_agent.sdk.embed.errors import ConfigInvalid, MaxToolRoundsExceeded, RunFailed
from acp_agent.sdk.embed.options.attachments import Attachment
from acp_agent.sdk.embed.options.custom_tools import ToolOutput, tool
from acp_agent.sdk.embed.options.permission import ConfirmationPolicy, PermissionPolicy
from acp_agent.sdk.embed.stores.session_stores import FileSessionStore
from acp_agent.testing.model_server import ModelServer
from tests.sdk_api.conftest import Home
from tests.sdk_api.test_sending import PNG

SCRIPT = """\
closing: Nothing more to say.
say: Hello!
usage: 100 20
when: read
say: I read.
call: read {"path": "notes.txt"}
---
say: It says {result}
when: write
say: I write.
call: write {"path": "made.txt", "content": "made"}
---
say: Result {result}
when: look
call: screenshot {}
---
say: I saw {result}
when: forever
say: I begin
wait
when: fail
error: 401 who are you
"""


@pytest.fixture(params=["scripted", "openai", "anthropic"])
def serviced(
    home: Home, serve: Callable[[str], ModelServer], request: pytest.FixtureRequest
) -> Generator[Agent]:
    """An agent that asks one of the three."""
    kind: str = request.param
    if kind == "scripted":
        path = home.folder / "talk.script"
        path.write_text(SCRIPT, encoding="utf-8")
        scripted = {"scripted": {"script": str(path)}}
        config: dict[str, Any] = {"model": "scripted/script", "providers": scripted}
    else:
        server = serve(SCRIPT)
        url = server.openai_url if kind == "openai" else server.anthropic_url
        models = [{"id": "m", "takes_images": True}]
        provider = {"type": kind, "base_url": url, "api_key": "k", "models": models}
        config = {"model": f"{kind}/m", "providers": {kind: provider}}
    with Agent.create(config, env=home.env) as agent:
        yield agent


def test_a_prompt_is_answered_and_counted(serviced: Agent, home: Home) -> None:
    session = serviced.session(home.workspace)
    result = session.send("hi")
    assert (result.text, result.stop_reason, result.tool_calls_count) == ("Hello!", "end_turn", 0)
    assert (result.usage.prompt_tokens, result.usage.completion_tokens) == (100, 20)
    assert [message.content for message in session.history()] == ["hi", "Hello!"]


def test_tools_run_and_the_events_are_the_same(serviced: Agent, home: Home) -> None:
    session = serviced.session(home.workspace)
    events = list(session.stream("read"))
    kinds = [event.event_type for event in events]
    assert [kind for kind in kinds if kind != "text_delta"] == [
        *("start", "turn_start", "tool_start", "turn_end", "tool_execution_start", "tool_end"),
        *("turn_start", "turn_end", "end"),
    ]
    assert "remember the milk" in (events[-1].text or "")
    assert [run.tool_calls_count for run in session.runs()] == [1]


def test_permission_is_asked_and_given(serviced: Agent, home: Home) -> None:
    denied = serviced.session(home.workspace, permission_policy=PermissionPolicy(default_decision="deny"))
    denied.send("write")
    assert not (home.workspace / "made.txt").exists()
    asking = serviced.session(home.workspace, confirmation_policy=ConfirmationPolicy())
    for event in asking.stream("write"):
        if event.event_type == "confirmation_required":
            assert asking.confirm_tool_use(event.tool_id or "", approved=True)
    assert (home.workspace / "made.txt").read_text("utf-8") == "made"


def test_pictures_go_to_the_model_and_come_from_tools(serviced: Agent, home: Home) -> None:
    @tool(read_only=True)
    def screenshot() -> ToolOutput:
        """Take a picture."""
        return ToolOutput.success("the screen").with_images([Attachment.png(PNG)])

    session = serviced.session(home.workspace, tools=[screenshot])
    assert session.send_with_attachments("hi", [Attachment.png(PNG)]).text == "Hello!"
    assert session.send("look").text.startswith("I saw the screen")


def test_a_side_question_and_another_history_leave_no_trace(serviced: Agent, home: Home) -> None:
    session = serviced.session(home.workspace)
    session.send("hi")
    before = session.history()
    assert session.btw("what?").answer
    assert session.send("more", [{"role": "user", "content": "earlier"}]).text
    assert session.history() == before


def test_a_conversation_is_resumed(serviced: Agent, home: Home) -> None:
    store = FileSessionStore(home.store)
    session = serviced.session(home.workspace, session_store=store, session_id="s", auto_save=True)
    session.send("read")
    history = session.history()
    resumed = serviced.resume_session("s", session_store=store)
    assert resumed.history() == history
    assert resumed.send("hi").text
    assert [run.status for run in resumed.runs()] == ["completed", "completed"]


def test_failures_and_limits_are_told_the_same(serviced: Agent, home: Home) -> None:
    session = serviced.session(home.workspace, max_tool_rounds=1)
    with pytest.raises(RunFailed) as failed:
        session.send("fail")
    assert (failed.value.code, failed.value.status) == ("unauthorized", 401)
    with pytest.raises(MaxToolRoundsExceeded):
        session.send("read")
    assert session.send("hi").text == "Hello!"


def test_a_thinking_budget_goes_to_a_service_that_takes_one(
    home: Home, serve: Callable[[str], ModelServer]
) -> None:
    server = serve(SCRIPT)
    providers = {
        "anthropic": {"type": "anthropic", "base_url": server.anthropic_url, "api_key": "k"},
        "openai": {"type": "openai", "base_url": server.openai_url, "api_key": "k"},
    }
    thinker = "anthropic/claude-sonnet-4-5"
    with Agent.create({"model": thinker, "providers": providers}, env=home.env) as agent:
        assert agent.session(home.workspace, thinking_budget=2_000).send("hi").text == "Hello!"
        assert server.requests[-1].body["thinking"] == {"type": "enabled", "budget_tokens": 2_000}
        agent.session(home.workspace).send("hi")
        assert "thinking" not in server.requests[-1].body
        for model in ("openai/gpt-5", "anthropic/claude-3-5-haiku"):
            with pytest.raises(ConfigInvalid, match=f"`thinking_budget`: the model `{model}` takes none"):
                agent.session(home.workspace, model=model, thinking_budget=2_000)
        with pytest.raises(ConfigInvalid, match="a whole number from 1 on"):
            agent.session(home.workspace, thinking_budget=0)


def test_leaving_a_stream_cancels_what_the_service_is_asked(serviced: Agent, home: Home) -> None:
    session = serviced.session(home.workspace)
    for event in session.stream("forever"):
        if event.event_type == "text_delta":
            break
    assert [run.status for run in session.runs()] == ["cancelled"]
    assert session.send("hi").text == "Hello!"
