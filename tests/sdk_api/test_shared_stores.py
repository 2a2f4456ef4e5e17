"""Stores that others have too: one writer at a time, nothing lost on the way, failures told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acp_agent.base.errors import SessionInUse
from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.sdk.embed.blocking.agent import Agent
from acp_agent.sdk.embed.errors import PersistenceFailed
from acp_agent.sdk.embed.options.permission import PermissionPolicy
from acp_agent.sdk.embed.stores.session_data import SessionData
from acp_agent.sdk.embed.stores.session_stores import (
    FileSessionStore,
    JournalFileSessionStore,
    MemorySessionStore,
    PostgresSessionStore,
    SqliteSessionStore,
)
from tests.sdk_api.conftest import Home
from tests.stores.conftest import new_store, postgres

__all__ = ["new_store", "postgres"]  # fixtures


class Guarded(MemorySessionStore):
    """A store of the program's that lets one writer in, as its protocol allows; `others` share `held`."""

    def __init__(self, kept: dict[str, SessionData], held: dict[str, object]) -> None:
        super().__init__()
        self._saved = kept
        self._held = held

    async def claim(self, session_id: str, /) -> None:
        if self._held.setdefault(session_id, self) is not self:
            raise SessionInUse(session_id, "another worker")

    async def release(self, session_id: str, /) -> None:
        if self._held.get(session_id) is self:
            del self._held[session_id]


def guarded_pair(folder: Path) -> tuple[Any, Any]:
    kept: dict[str, SessionData] = {}
    held: dict[str, object] = {}
    return Guarded(kept, held), Guarded(kept, held)


PAIRS: list[Callable[[Path], tuple[Any, Any]]] = [
    lambda folder: (FileSessionStore(folder), FileSessionStore(folder)),
    guarded_pair,
    lambda folder: (SqliteSessionStore(folder / "s.db"), SqliteSessionStore(folder / "s.db")),
    lambda folder: (JournalFileSessionStore(folder), JournalFileSessionStore(folder)),
]


@pytest.mark.parametrize("pair", PAIRS, ids=["file", "own", "sqlite", "journals"])
@pytest.mark.parametrize("auto_save", [True, False])
def test_item_175_a_session_has_one_writer(
    home: Home, model: ScriptedProvider, pair: Callable[[Path], tuple[Any, Any]], auto_save: bool
) -> None:
    here, there = pair(home.store)
    options: dict[str, Any] = {"auto_save": auto_save, "llm_client": model}
    with Agent.create({}, env=home.env) as one, Agent.create({}, env=home.env) as other:
        session = one.session(home.workspace, options, session_id="s", session_store=here)
        session.send("hi")
        session.save()
        with pytest.raises(SessionInUse):
            other.resume_session("s", options, session_store=there)
        with pytest.raises(SessionInUse):
            other.delete_session("s", there)
        session.close()
        resumed = other.resume_session("s", options, session_store=there)
        with pytest.raises(SessionInUse):
            one.resume_session("s", options, session_store=here)
        resumed.send("and on")
        resumed.save()
        resumed.close()
        assert len(one.resume_session("s", options, session_store=here).history()) == 4


def test_a_session_nobody_has_is_not_held_after_it_was_looked_for(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    store = FileSessionStore(home.store)
    with pytest.raises(PersistenceFailed.__mro__[1]):
        agent.resume_session("s", session_store=store)
    agent.session(home.workspace, session_id="s", session_store=FileSessionStore(home.store), auto_save=True)
    FileSessionStore(home.store).claim("s")


STORES: list[Callable[[Path], Any]] = [
    FileSessionStore,
    lambda folder: MemorySessionStore(),
    lambda folder: SqliteSessionStore(folder / "s.db"),
    JournalFileSessionStore,
]


@pytest.mark.parametrize("make", STORES, ids=["file", "memory", "sqlite", "journals"])
@pytest.mark.parametrize("auto_save", [True, False])
def test_what_files_held_is_saved_too_so_that_changes_can_be_taken_back(
    home: Home, make: Callable[[Path], Any], auto_save: bool
) -> None:
    script = 'say: I write.\ncall: write {"path": "notes.txt", "content": "other"}\n---\nsay: done'
    store = make(home.store)
    options: dict[str, Any] = {"session_store": store, "auto_save": auto_save, "session_id": "s"}
    options["permission_policy"] = PermissionPolicy.permissive()
    with Agent.create({}, env=home.env) as agent:
        session = agent.session(home.workspace, options, llm_client=ScriptedProvider(script))
        session.send("write")
        session.save()
        session.close()
        assert (home.workspace / "notes.txt").read_text("utf-8") == "other"
        resumed = agent.resume_session("s", options, llm_client=ScriptedProvider("say: hm"))
        resumed.send("/rewind 1 files")
        assert (home.workspace / "notes.txt").read_text("utf-8") == "remember the milk\n"
        resumed.save()


def test_an_id_that_is_taken_is_not_written_into(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    store = SqliteSessionStore(home.store / "s.db")
    options: dict[str, Any] = {"session_store": store, "llm_client": model, "session_id": "s"}
    with agent.session(home.workspace, options) as first:
        first.send("hi")
        first.save()
    second = agent.session(home.workspace, options)
    second.send("something else")
    with pytest.raises(PersistenceFailed, match="there is a session `s` in the store already"):
        second.save()
    second.close()
    assert agent.resume_session("s", options).history()[0].content == "hi"


def test_item_161_a_store_of_the_engine_that_fails_is_a_warning_and_an_event(
    agent: Agent, home: Home, model: ScriptedProvider, caplog: pytest.LogCaptureFixture
) -> None:
    store = SqliteSessionStore(home.store / "s.db")
    options: dict[str, Any] = {"session_store": store, "llm_client": model, "session_id": "s"}
    with agent.session(home.workspace, options, auto_save=True) as first:
        first.send("hi")
    second = agent.session(home.workspace, options, auto_save=True)
    with caplog.at_level(logging.WARNING):
        events = list(second.stream("something else"))
    assert [event.event_type for event in events][-2:] == ["persistence_failed", "end"]
    assert "session s could not be saved" in caplog.text
    with pytest.raises(PersistenceFailed):
        second.save()


def test_item_175_postgresql_keeps_sessions_that_several_agents_go_on_with(
    home: Home, model: ScriptedProvider, new_store: Callable[[], str]
) -> None:
    address = new_store()
    options: dict[str, Any] = {"llm_client": model, "auto_save": True}
    with Agent.create({}, env=home.env) as one, Agent.create({}, env=home.env) as other:
        here, there = PostgresSessionStore(address), PostgresSessionStore(address)
        session = one.session(home.workspace, options, session_id="s", session_store=here, tenant_id="acme")
        session.send("hi")
        assert other.list_saved_sessions(there) == ["s"]
        with pytest.raises(SessionInUse):
            other.resume_session("s", options, session_store=there)
        session.close()
        resumed = other.resume_session("s", options, session_store=there)
        assert (len(resumed.history()), resumed.tenant_id) == (2, "acme")
        resumed.send("and on")
        resumed.close()
        assert other.delete_session("s", there)
        assert one.list_saved_sessions(here) == []


@pytest.mark.parametrize("make", STORES, ids=["file", "memory", "sqlite", "journals"])
def test_item_181_deleting_a_session_closes_it_first(
    agent: Agent, home: Home, model: ScriptedProvider, make: Callable[[Path], Any]
) -> None:
    store = make(home.store)
    session = agent.session(
        home.workspace, session_id="s", session_store=store, auto_save=True, llm_client=model
    )
    session.send("hi")
    assert agent.delete_session("s", make(home.store) if not isinstance(store, MemorySessionStore) else store)
    assert session.is_closed()
    assert agent.list_saved_sessions(store) == []
