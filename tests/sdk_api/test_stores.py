"""Saving, resuming and finding sessions again."""

from __future__ import annotations

import gc
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acp_agent.base.errors import SessionInUse
from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.sdk.embed.agent import AsyncAgent
from acp_agent.sdk.embed.blocking.agent import Agent
from acp_agent.sdk.embed.errors import (
    AgentClosed,
    ConfigInvalid,
    PersistenceFailed,
    SessionClosed,
    SessionNotFound,
    StoreMissing,
)
from acp_agent.sdk.embed.options.permission import PermissionPolicy
from acp_agent.sdk.embed.stores.session_data import SessionData
from acp_agent.sdk.embed.stores.session_stores import (
    FileSessionStore,
    JournalFileSessionStore,
    MemorySessionStore,
    SqliteSessionStore,
)
from tests.sdk_api.conftest import Home


class Own:
    """A store of the program's, with coroutines."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.broken = False
        self.error: BaseException = OSError("the disk is full")

    async def save(self, data: SessionData, /) -> None:
        if self.broken:
            raise self.error
        self.kept[data.id] = data.to_json()

    async def load(self, session_id: str, /) -> SessionData | None:
        text = self.kept.get(session_id)
        return None if text is None else SessionData.from_json(text)

    async def delete(self, session_id: str, /) -> None:
        self.kept.pop(session_id, None)

    async def list(self) -> list[str]:
        return list(self.kept)

    async def exists(self, session_id: str, /) -> bool:
        return session_id in self.kept


MAKERS: list[Callable[[Path], Any]] = [
    FileSessionStore,
    lambda folder: MemorySessionStore(),
    lambda folder: Own(),
    lambda folder: SqliteSessionStore(folder / "sessions.db"),
    JournalFileSessionStore,
]
STORES = pytest.mark.parametrize("make", MAKERS, ids=["file", "memory", "own", "sqlite", "journals"])


@STORES
@pytest.mark.parametrize("auto_save", [True, False])
def test_152_163_208_215_a_session_is_resumed_as_it_was(
    home: Home, model: ScriptedProvider, make: Callable[[Path], Any], auto_save: bool
) -> None:
    store = make(home.store)
    options: dict[str, Any] = {"session_store": store, "llm_client": model, "auto_save": auto_save}
    with Agent.create({}, env=home.env) as agent:
        session = agent.session(
            home.workspace,
            options,
            session_id="review",
            tenant_id="acme",
            principal="user-42",
            agent_template_id="planner-v3",
            correlation_id="trace-1",
            role="You are Ada.",
            permission_policy=PermissionPolicy(default_decision="allow"),
        )
        session.send("write it")
        if not auto_save:
            assert agent.list_saved_sessions(store) == []
            session.save()
        history, runs = session.history(), session.runs()
        assert agent.list_saved_sessions(store) == ["review"]
    with Agent.create({}, env=home.env) as agent:
        resumed = agent.resume_session("review", options)
        assert (resumed.workspace, resumed.history()) == (str(home.workspace), history)
        assert (resumed.tenant_id, resumed.principal) == ("acme", "user-42")
        assert (resumed.agent_template_id, resumed.correlation_id) == ("planner-v3", "trace-1")
        assert [(run.id, run.status, run.prompt) for run in resumed.runs()] == [
            (run.id, run.status, run.prompt) for run in runs
        ]
        assert resumed.run_events(runs[0].id)
        (home.workspace / "made.txt").unlink()
        resumed.send("write it")
        assert (home.workspace / "made.txt").exists()  # the policy was restored
        assert model.requests[-1].system.startswith("You are Ada.")
        if not auto_save:
            resumed.save()
        resumed.send("and more")
        again = agent.resume("review", options)
        n_messages = 2 * len(history) + (2 if auto_save else 0)
        assert (len(again.history()), resumed.is_closed()) == (n_messages, True)
        assert agent.delete_session("review", store)
        assert not agent.delete_session("review", store)
        with pytest.raises(SessionNotFound):
            agent.resume_session("review", options)


def test_219_work_since_the_checkpoint_is_gone(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    options: dict[str, Any] = {"session_store": MemorySessionStore(), "llm_client": model}
    session = agent.session(home.workspace, options, session_id="s")
    session.send("one")
    session.save()
    session.send("something risky")
    assert [message.content for message in agent.resume("s", options).history()][0::2] == ["one"]


def test_165_to_168_177_180_a_file_is_readable_whole_and_replaced_in_one_step(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    store = FileSessionStore(home.store)
    session = agent.session(
        home.workspace, session_store=store, session_id="my/../session", auto_save=True, llm_client=model
    )
    session.send("read it")
    files = [path.name for path in home.store.glob("*.json")]
    assert files == [store.path("my/../session").name]
    assert "/" not in files[0]
    text = (home.store / files[0]).read_text(encoding="utf-8")
    assert "\n  " in text
    saved = json.loads(text)
    assert saved["id"] == "my/../session"
    assert saved["messages"][0]["content"] == "read it"
    assert saved["config"]["workspace"] == str(home.workspace)
    assert "coding agent" in saved["config"]["system_prompt"]
    assert "read" in saved["tool_names"]
    assert (saved["tasks"], "created_at" in saved, "updated_at" in saved) == ([], True, True)
    assert (store.list(), store.exists("my/../session"), store.load("other")) == (
        ["my/../session"],
        True,
        None,
    )
    (home.store / files[0]).write_text("{}", encoding="utf-8")
    with pytest.raises(PersistenceFailed, match="is not a saved session"):
        agent.resume_session("my/../session", session_store=store)


class Torn(SessionData):
    """Looks at the file that it is about to replace, and then cannot be written."""

    seen: list[bytes] = []  # noqa: RUF012 # a field of a struct

    def to_json(self) -> bytes:
        self.seen.extend(path.read_bytes() for path in Path(self.id).glob("*.json"))
        raise OSError(28, "No space left on device")


def test_166_a_file_that_cannot_be_written_whole_leaves_the_one_before(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    folder = home.folder / "s"
    store = FileSessionStore(folder)
    session = agent.session(
        home.workspace, session_store=store, session_id=str(folder), auto_save=True, llm_client=model
    )
    session.send("hi")
    session.close()
    before = store.path(str(folder)).read_bytes()
    saved = store.load(str(folder))
    assert saved is not None
    torn = Torn(**{name: getattr(saved, name) for name in SessionData.__struct_fields__})
    with pytest.raises(PersistenceFailed, match="cannot be written: No space left on device"):
        store.save(torn)
    assert torn.seen == [before]
    assert [path.read_bytes() for path in folder.iterdir() if path.is_file()] == [before]


@pytest.mark.parametrize("error", [OSError, SystemExit])
def test_160_161_a_failing_store_is_a_warning_and_an_event(
    agent: Agent,
    home: Home,
    model: ScriptedProvider,
    caplog: pytest.LogCaptureFixture,
    error: type[BaseException],
) -> None:
    store = Own()
    store.broken, store.error = True, error("the disk is full")
    session = agent.session(home.workspace, session_store=store, auto_save=True, llm_client=model)
    with caplog.at_level(logging.WARNING):
        assert session.send("hi").text == "Hello! You said hi"
    assert "could not be saved: the session store failed: the disk is full" in caplog.text
    kinds = [event.event_type for event in session.stream("hi")]
    assert kinds[-2:] == ["persistence_failed", "end"]
    with pytest.raises(PersistenceFailed):
        session.save()


class Careless(MemorySessionStore):
    """Returns what it should not."""

    def load(self, session_id: str, /) -> Any:
        return {"id": session_id}

    def list(self) -> Any:
        return None


def test_171_173_a_store_that_returns_something_else_is_told_what_to_return(agent: Agent) -> None:
    with pytest.raises(PersistenceFailed, match=r"`load` .* returned `dict`; it has to be a `SessionData`"):
        agent.resume_session("s", session_store=Careless())
    with pytest.raises(PersistenceFailed, match=r"`list` .* returned `NoneType`; it has to be a `list`"):
        agent.list_saved_sessions(Careless())
    nowhere: Any = "./sessions"
    for use in (agent.list_saved_sessions, lambda store: agent.delete_session("s", store)):
        with pytest.raises(ConfigInvalid, match=r"`./sessions` is no store; give one, such as"):
            use(nowhere)


def test_160_a_run_on_another_history_is_not_saved(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    store = MemorySessionStore()
    session = agent.session(home.workspace, session_store=store, auto_save=True, llm_client=model)
    session.send("hi", [])
    assert store.list() == []


def test_169_saving_without_a_store_does_nothing_and_resuming_needs_one(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    session = agent.session(home.workspace, llm_client=model)
    session.send("hi")
    session.save()
    assert session.session_id() == session.session_id  # type: ignore[operator] # the older spelling
    with pytest.raises(StoreMissing, match="requires a session store"):
        agent.resume_session("s")
    with pytest.raises(StoreMissing):
        agent.list_saved_sessions()


def test_181_stores_of_the_settings(home: Home, model: ScriptedProvider) -> None:
    for config in ({"sessions_dir": str(home.store)}, {"store": f"sqlite:///{home.folder}/s.db"}):
        with Agent.create(config, env=home.env) as agent:
            agent.session(home.workspace, session_id="kept", auto_save=True, llm_client=model).send("hi")
            assert agent.list_saved_sessions() == ["kept"]
            assert len(agent.resume("kept", llm_client=model).history()) == 2
            assert agent.delete_session("kept")


def test_120_121_122_sessions_are_listed_while_somebody_has_them(agent: Agent, home: Home) -> None:
    kept = [agent.session(home.workspace, session_id=name) for name in ("b", "a", "c")]
    assert agent.list_sessions() == ["a", "b", "c"]
    assert agent.close_session("b")
    assert not agent.close_session("b")
    assert (kept[0].is_closed(), agent.list_sessions()) == (True, ["a", "c"])
    kept.pop()
    gc.collect()
    assert agent.list_sessions() == ["a"]


def test_123_124_125_a_closed_agent_opens_nothing(home: Home, model: ScriptedProvider) -> None:
    agent = Agent.create({}, env=home.env)
    session = agent.session(home.workspace, llm_client=model)
    session.send("hi")
    assert not agent.is_closed()
    agent.close()
    agent.close()
    assert (agent.is_closed(), session.is_closed(), len(session.history())) == (True, True, 2)
    for act in (lambda: agent.session(home.workspace), lambda: agent.resume("s")):
        with pytest.raises(SessionClosed):
            act()
    with pytest.raises(SessionClosed):
        session.send("hi")
    assert agent.list_sessions() == []


async def test_124_neither_does_an_async_one(home: Home) -> None:
    async with AsyncAgent.create({}, env=home.env) as agent:
        await agent.close()
        with pytest.raises(AgentClosed):
            agent.session(home.workspace)
        with pytest.raises(AgentClosed):
            await agent.resume("s")


def test_a_program_that_closes_nothing_ends(home: Home) -> None:
    told = home.run(
        "from acp_agent import Agent\n"
        "session = Agent.create({}).session('.', auto_save=True, file_session_store='kept')\n"
        "session.bash('echo')\n"
        "print(session.send('hello').stop_reason)\n"
    )
    assert told == "end_turn\n"


@STORES
def test_162_211_each_save_adds_what_is_new_once(
    agent: Agent, home: Home, model: ScriptedProvider, make: Callable[[Path], Any]
) -> None:
    options: dict[str, Any] = {"session_store": make(home.store), "llm_client": model}
    session = agent.session(home.workspace, options, session_id="s")
    for prompt in ("one", "two"):
        session.send(prompt)
        session.save()
        session.save()
    assert [message.content for message in agent.resume("s", options).history()][0::2] == ["one", "two"]


def test_120_a_forgotten_session_is_closed_and_free_for_others(home: Home, model: ScriptedProvider) -> None:
    store = SqliteSessionStore(home.store / "sessions.db")
    options: dict[str, Any] = {"session_store": store, "llm_client": model, "auto_save": True}
    with Agent.create({}, env=home.env) as one, Agent.create({}, env=home.env) as other:
        session = one.session(home.workspace, options, session_id="s")
        session.send("hi")
        with pytest.raises(SessionInUse):
            other.resume("s", options)
        del session
        gc.collect()
        assert one.list_sessions() == []
        deadline = time.monotonic() + 30  # its end is not waited for
        while True:
            try:
                resumed = other.resume("s", options)
                break
            except SessionInUse:
                assert time.monotonic() < deadline
        assert len(resumed.history()) == 2
