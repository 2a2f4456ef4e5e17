"""Whatever a client had received is there after kill -9, at whatever moment it comes.

Real turns of the installed command with the scripted model. A session lives many lives: each loads what the
ones before left, is compared with what their client saw, is prompted and killed.
"""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import anyio
import pytest

from acp_agent.base.ids import SessionId
from acp_agent.engine.context.transcript import Transcript
from acp_agent.model import events
from acp_agent.ports import SessionStore
from acp_agent.stores.file import FileStore
from acp_agent.stores.sqlite import SqliteStore
from tests.durability.drawing import Frame, losses
from tests.durability.life import Ending, Moment, Nursery, open_nursery
from tests.engine.conftest import broken_rules

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="processes are forked and killed"),
    pytest.mark.timeout(600),  # each test is the life and death of many agents
]

N_KILLS = int(os.environ.get("ACP_AGENT_KILLS", "200"))
"""Processes that are killed: half of them with each store. Thousands are for a night."""

STORES = ["sqlite://~/sessions.db", "file:~/sessions"]

LIVES = 10
AT_ONCE = 4

SCRIPT = r"""
say: I have read it and have nothing to add to {prompt} but this, which is long enough to come in pieces.
when: work
think: First I write it down, and then look at it.
say: I write it.
call: write {"path": "notes.txt", "content": "one\ntwo\nthree\n"}
call: todo {"entries": [{"content": "write", "status": "completed"}, {"content": "see", "status": "pending"}]}
usage: 100 20
---
say: Now I look.
call: read {"path": "notes.txt"}
call: bash {"command": "echo one; echo two; exit 1"}
call: no_such_tool {}
usage: 200 30
---
say: It says {result}
call: edit {"path": "notes.txt", "old_text": "two", "new_text": "TWO"}
---
think: That is all there is to do here.
say: All is done, and all of it was written down.
usage: 300 10
when: stream
think: Let me think about that for quite a while before I say so much as a word.
flood: 300
say: That was much.
when: wait
say: The beginning of an answer that never
wait
"""

BEFORE_ANY_TURN = {"user_message_chunk", "available_commands_update"}

PROMPTS = ("work on it", "work again", "stream it", "wait for me", "tell me more")


async def live_and_die(
    nursery: Nursery, store: str, folder: Path, seed: int, endings: tuple[Ending, ...]
) -> int:
    """Let an agent be ended `LIVES` times; returns how often that cut off a turn."""
    rng = random.Random(seed)
    cwd = folder / "project"
    cwd.mkdir(parents=True)
    (folder / "script").write_text(SCRIPT)
    env = {
        "ACP_AGENT_HOME": str(folder / "home"),
        "ACP_AGENT_STORE": store,
        "ACP_AGENT_SCRIPT": str(folder / "script"),
        "ACP_AGENT_MODE": rng.choice(["ask", "accept-edits", "auto"]),
    }
    opening: Frame = {"cwd": str(cwd), "mcpServers": []}
    session_id = ""
    seen: list[Frame] = []  # by the client, of a session that must be there
    answered = killed = True
    n_cut = 0
    for number in range(LIVES + 1):
        is_last = number == LIVES
        life = await nursery.birth(env, folder / "log")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(life.run)
            await life.ask("initialize", protocolVersion=1, clientCapabilities={})
            if not seen:
                session_id = (await life.ask("session/new", **opening))["result"]["sessionId"]
            else:
                if not is_last and rng.random() < 0.1:
                    tasks.start_soon(life.end_at, Moment(rng.randrange(20), rng.choice([0, 0.005])))
                answer = await life.ask("session/load", sessionId=session_id, **opening)
                if not answer:  # killed while it was loading
                    continue
                assert "result" in answer, (seed, number, answer)
                assert losses(seen, life.seen, answered=answered, killed=killed) == [], (seed, number)
                assert await faults_in(store, session_id) == [], (seed, number)
            if is_last:
                answer = await life.prompt(session_id, "tell me more")
                assert answer["result"] == {"stopReason": "end_turn"}, (seed, number)
                await life.end()
                break
            life.permission = lambda _: rng.choice(["allow_once", "reject_once"])
            delay, ending = rng.choice([0, 0, 0.001, 0.003, 0.02]), rng.choice(endings)
            tasks.start_soon(life.end_at, Moment(rng.randrange(40), delay, ending))
            answered, killed = True, ending == signal.SIGKILL
            while answered and not life.is_over:
                answer = await life.prompt(session_id, rng.choice(PROMPTS))
                answered = answer.get("result") == {"stopReason": "end_turn"}
            n_cut += not answered
        nothing_came = all(one["sessionUpdate"] in BEFORE_ANY_TURN for one in life.seen)
        seen = [] if nothing_came and session_id not in await stored_sessions(store) else life.seen
    return n_cut


def opened(store: str) -> SessionStore:
    kind, _, path = store.partition(":")
    return FileStore(Path(path)) if kind == "file" else SqliteStore(Path(path.removeprefix("//")))


async def stored_sessions(store: str) -> list[str]:
    there = opened(store)
    page = await there.list(cwd=None, cursor=None, limit=10)
    await there.aclose()
    return [record.id for record in page.sessions]


async def faults_in(store: str, session_id: str) -> list[str]:
    """What is wrong with a journal that was just opened, and with the history it makes."""
    there = opened(store)
    journal = [event async for event in there.read(SessionId(session_id))]
    await there.aclose()
    transcript = Transcript()
    found: list[str] = []
    open_turn: str | None = None
    for event in journal:
        transcript.apply(event)
        match event:
            case events.TurnStarted(turn_id):
                found += [f"{open_turn} was never ended"] if open_turn else []
                open_turn = turn_id
            case events.TurnEnded(turn_id):
                found += [] if open_turn == turn_id else [f"{turn_id} ended and was not begun"]
                open_turn = None
            case _:
                pass
    asked = [event.call_id for event in journal if isinstance(event, events.CallRequested)]
    told = [event.call_id for event in journal if isinstance(event, events.CallAnswered)]
    if open_turn:
        found.append(f"{open_turn} is still open")
    if sorted(asked) != sorted(told):
        found.append(f"calls {asked} have the results {told}")
    return found + broken_rules(transcript.messages())


async def live_often(n_lives: int, store: str, folder: Path, endings: tuple[Ending, ...]) -> None:
    n_sessions = max(1, n_lives // LIVES)
    slots = anyio.Semaphore(AT_ONCE)
    n_cut: list[int] = []

    async def live(seed: int) -> None:
        own = folder / str(seed)
        async with slots:
            n_cut.append(await live_and_die(nursery, store.replace("~", str(own)), own, seed, endings))

    env = {"PATH": os.environ["PATH"]}
    async with open_nursery(env, "serve") as nursery, anyio.create_task_group() as tasks:
        for seed in range(n_sessions):
            tasks.start_soon(live, seed)
    assert sum(n_cut) > n_sessions * LIVES / 3, "too few lives ended in the middle of a turn"


@pytest.mark.parametrize("store", STORES)
async def test_everything_a_client_had_received_is_replayed_after_kill_9(tmp_path: Path, store: str) -> None:
    await live_often(N_KILLS // len(STORES), store, tmp_path, (signal.SIGKILL,))


@pytest.mark.parametrize("store", STORES)
async def test_everything_without_exception_is_replayed_after_a_signal_or_the_end_of_input(
    tmp_path: Path, store: str
) -> None:
    endings = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, "end of input")
    await live_often(N_KILLS // 10, store, tmp_path, endings)
