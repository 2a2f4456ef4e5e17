"""Hooks of a program: functions that are told what happens, and may object."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.sdk.embed.agent import AsyncAgent
from acp_agent.sdk.embed.blocking.agent import Agent
from acp_agent.sdk.embed.errors import ConfigInvalid
from acp_agent.sdk.embed.options.hook_engine import HookEngine
from acp_agent.sdk.embed.options.session_options import SessionOptions
from tests.sdk_api.conftest import Home

Told = dict[str, Any]


class Book:
    """Handlers that remember what they were told, and in which thread."""

    def __init__(self, answer: Any = None) -> None:
        self.told: list[Told] = []
        self.threads: list[int] = []
        self._answer = answer

    def handler(self, event: Told) -> Any:
        self.told.append(event)
        self.threads.append(threading.get_ident())
        return self._answer

    async def async_handler(self, event: Told) -> Any:
        return self.handler(event)


def test_item_082_a_hook_is_told_of_calls_in_a_thread_of_its_own(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    book = Book()
    session = agent.session(home.workspace, llm_client=model)
    session.register_hook("watch", "pre_tool_use", {"tool": "read"}, {"priority": 10}, book.handler)
    assert session.hook_count() == 1
    session.send("read it")
    (event,) = book.told
    assert event["event_type"] == "pre_tool_use"
    assert event["payload"]["args"] == {"path": "notes.txt"}
    assert event["payload"]["working_directory"] == str(home.workspace)
    assert threading.get_ident() not in book.threads
    assert session.unregister_hook("watch")
    assert not session.unregister_hook("watch")
    session.send("read it")
    assert (len(book.told), session.hook_count()) == (1, 0)


async def test_item_082_a_coroutine_can_be_a_handler(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    book = Book()
    session = async_agent.session(home.workspace, llm_client=model)
    session.register_hook("watch", "post_response", handler=book.async_handler)
    await session.send("hi")
    assert book.told[0]["payload"]["response_text"] == "Hello! You said hi"


def test_item_077_a_blocked_call_is_a_denied_permission(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    book = Book({"action": "block", "reason": "nobody writes here"})
    session = agent.session(home.workspace, llm_client=model, permissive=True)
    session.register_hook("guard", "pre_tool_use", {"tool": "write"}, None, book.handler)
    events = list(session.stream("write it"))
    (denied,) = [event for event in events if event.event_type == "permission_denied"]
    assert denied.tool_name == "write"
    assert "nobody writes here" in (denied.reason or "")
    assert events[-1].event_type == "end"
    assert "nobody writes here" in (events[-1].text or "")
    assert not (home.workspace / "made.txt").exists()
    assert len(book.told) == 1


def test_item_133_labels_are_in_the_payloads_of_hooks(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    book = Book()
    options = SessionOptions(
        llm_client=model,
        tenant_id="acme",
        principal="ada",
        agent_template_id="reviewer",
        correlation_id="42",
        permission_policy={"default_decision": "allow"},
    )
    session = agent.session(home.workspace, options)
    for event in ("session_start", "pre_prompt", "generate_start", "generate_end", "post_response"):
        session.register_hook(event, event, handler=book.handler)
    session.send("hi")
    assert len(book.told) == 5
    for event in book.told:
        payload = event["payload"]
        assert (payload["tenant_id"], payload["principal"]) == ("acme", "ada")
        assert (payload["agent_template_id"], payload["correlation_id"]) == ("reviewer", "42")
        assert not any(name.startswith("acp_agent.") for name in payload)


def test_item_133_and_after_a_resumption(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    options = SessionOptions(
        llm_client=model, session_id="s", file_session_store=home.store, tenant_id="acme"
    )
    session = agent.session(home.workspace, options)
    session.send("hi")
    session.save()
    session.close()
    book = Book()
    again = agent.resume_session("s", SessionOptions(llm_client=model, file_session_store=home.store))
    again.register_hook("watch", "pre_prompt", handler=book.handler)
    again.send("hi")
    assert book.told[0]["payload"]["tenant_id"] == "acme"


def test_item_082_sessions_share_an_engine_and_it_is_told_of_runs_on_other_histories(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    engine, book = HookEngine(), Book()
    engine.register("watch", "pre_prompt", handler=book.handler)
    one = agent.session(home.workspace, SessionOptions(llm_client=model).with_hook_engine(engine))
    two = agent.session(home.workspace, llm_client=model, hook_engine=engine)
    one.send("first")
    two.send("second")
    two.send("third", [])
    assert [event["payload"]["prompt"] for event in book.told] == ["first", "second", "third"]
    assert (one.hook_count(), engine.hook_count()) == (1, 1)


def test_a_handler_that_raises_or_answers_nonsense_is_told_of_and_the_run_goes_on(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    def crash(_: Told) -> None:
        raise ZeroDivisionError

    session = agent.session(home.workspace, llm_client=model)
    session.register_hook("broken", "pre_prompt", handler=crash)
    session.register_hook("odd", "pre_prompt", handler=Book({"action": "approve"}).handler)
    events = list(session.stream("hi"))
    notices = [event.text or "" for event in events if event.event_type == "notice"]
    assert [("broken" in text, "odd" in text) for text in notices] == [(True, False), (False, True)]
    assert events[-1].text == "Hello! You said hi"


def test_a_handler_that_exits_as_a_command_would_has_not_ended_the_agent(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    async def exit_later(_: Told) -> None:
        sys.exit(2)

    session = agent.session(home.workspace, llm_client=model)
    session.register_hook("plain", "pre_prompt", handler=lambda _: sys.exit(2))
    session.register_hook("coroutine", "pre_prompt", handler=exit_later)
    events = list(session.stream("hi"))
    notices = [event.text or "" for event in events if event.event_type == "notice"]
    assert ["it raised `SystemExit`" in text for text in notices] == [True, True]
    assert session.send("hi").text == "Hello! You said hi"


def test_what_a_handler_changes_in_what_it_is_told_is_not_what_is_done(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    def change(event: Told) -> None:
        event["payload"]["args"]["path"] = "elsewhere.txt"

    book = Book()
    session = agent.session(home.workspace, llm_client=model)
    session.register_hook("first", "pre_tool_use", handler=change)
    session.register_hook("second", "pre_tool_use", handler=book.handler)
    session.send("read it")
    assert book.told[0]["payload"]["args"] == {"path": "notes.txt"}
    (call,) = (block for message in session.history() for block in message.blocks if block.type == "tool_use")
    assert call.args == {"path": "notes.txt"}


def test_a_handler_that_has_to_agree_and_is_too_slow_blocks(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    released = threading.Event()

    def wait(_: Told) -> None:
        released.wait(5)

    session = agent.session(home.workspace, llm_client=model)
    config = {"timeout_ms": 20, "on_failure": "block"}
    session.register_hook("gate", "pre_tool_use", None, config, wait)
    result = session.send("read it")
    released.set()
    assert "the hook `gate` has to agree" in result.text


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"event": "pre_tool_use"}, "there is no handler"),
        ({"event": "before_lunch", "handler": print}, "unknown value `before_lunch`"),
        ({"event": "pre_prompt", "matcher": {"toll": "x"}, "handler": print}, "there is no `toll`"),
        ({"event": "pre_prompt", "matcher": {"tool": "x"}, "handler": print}, "`tool` is for"),
        ({"event": "pre_prompt", "config": {"priority": "x"}, "handler": print}, "`config`: Expected `int`"),
    ],
)
def test_a_hook_that_could_never_be_asked_is_refused(
    agent: Agent, home: Home, arguments: dict[str, Any], complaint: str
) -> None:
    session = agent.session(home.workspace, llm_client=ScriptedProvider("say: hi"))
    with pytest.raises(ConfigInvalid, match=complaint):
        session.register_hook("mine", **arguments)
    assert session.hook_count() == 0


def test_hooks_of_the_settings_count_in_a_program_too(home: Home, tmp_path: Path) -> None:
    config = {"hooks": [{"event": "pre_prompt", "command": "echo not now >&2; exit 2"}]}
    with Agent.create(config, env=home.env) as agent:
        session = agent.session(home.workspace, llm_client=ScriptedProvider("say: hi"))
        result = session.send("hi")
        assert (result.text, result.stop_reason) == ("", "refusal")
