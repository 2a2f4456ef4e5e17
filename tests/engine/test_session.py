"""One conversation as clients of the core see it: queueing, closing, choosing, restoring, listing."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from acp_agent.base.errors import InvalidChoice, SessionClosed, SessionNotFound
from acp_agent.base.ids import MessageId, SessionId, ToolCallId, TurnId
from acp_agent.engine.agent_core import Defaults, Opening
from acp_agent.engine.context.transcript import UNANSWERED
from acp_agent.model import events
from acp_agent.model.content import Image, Text
from acp_agent.model.session import MODES, ModeId, SessionRecord
from acp_agent.model.toolcall import ToolCallPatch
from acp_agent.stores.memory import MemoryStore
from tests.engine.conftest import (
    NOW,
    VIRTUAL_CLOCK,
    Host,
    SlowStore,
    Tool,
    broken_rules,
    collect,
    open_stage,
)

ECHO = "say: You said {prompt}"


async def test_prompts_are_worked_on_one_after_another_in_order() -> None:
    async with open_stage(ECHO) as stage:
        turn_ids = [stage.say(word) for word in ("one", "two", "three")]
        await stage.host.wait_ends(3)
        assert [end.turn_id for end in stage.host.ends] == turn_ids
        turns = [
            event for event in stage.host.told if isinstance(event, events.TurnStarted | events.TurnEnded)
        ]
        assert [type(event).__name__ for event in turns] == ["TurnStarted", "TurnEnded"] * 3
        assert stage.host.text == "You said oneYou said twoYou said three"


async def test_cancel_ends_every_accepted_prompt_and_none_that_comes_later() -> None:
    async with open_stage("say: a\nwait\nwhen: later\nsay: fine") as stage:
        for word in ("one", "two", "three"):
            stage.say(word)
        await stage.host.wait_for(lambda: bool(stage.host.text))
        stage.session.cancel()
        ended = await stage.prompt("later")
        assert [end.stop_reason for end in stage.host.ends] == ["cancelled"] * 3 + ["end_turn"]
        assert ended.stop_reason == "end_turn"
        assert broken_rules(stage.provider.requests[-1].messages) == []


async def test_cancelling_an_idle_session_does_nothing() -> None:
    async with open_stage(ECHO) as stage:
        stage.session.cancel()
        assert (await stage.prompt("x")).stop_reason == "end_turn"
        stage.session.cancel()
        assert (await stage.prompt("x")).stop_reason == "end_turn"


async def test_a_question_nobody_answers_can_be_cancelled() -> None:
    tool = Tool("echo", "write")
    async with open_stage('call: echo {"x": 1}', tool) as stage:
        stage.host.decision = None
        stage.say("go")
        await stage.host.wait_for(lambda: bool(stage.host.of(events.CallShown)))
        await anyio.wait_all_tasks_blocked()
        assert len(stage.host.asked) == 1
        stage.session.cancel()
        await stage.host.wait_ends(1)
        assert (stage.host.ends[0].stop_reason, tool.runs) == ("cancelled", [])
        assert isinstance(stage.host.told[-3], events.CallShown)
        assert stage.host.told[-3].patch == ToolCallPatch(status="cancelled")


async def test_closing_answers_what_runs_and_what_waits_and_takes_no_more() -> None:
    async with open_stage("say: a\nwait") as stage:
        turn_ids = [stage.say("one"), stage.say("two")]
        await stage.host.wait_for(lambda: bool(stage.host.text))
        assert stage.session.is_busy
        await stage.core.close(stage.session.id)
        assert [end.turn_id for end in stage.host.ends] == turn_ids
        assert {end.stop_reason for end in stage.host.ends} == {"cancelled"}
        with pytest.raises(SessionClosed):
            stage.say("three")
        with pytest.raises(SessionNotFound):
            stage.core.get(stage.session.id)
        assert not stage.session.is_busy
        await stage.session.close()  # once more does no harm


@pytest.mark.parametrize("anyio_backend", [VIRTUAL_CLOCK])
async def test_a_close_ends_in_time_though_the_store_hangs() -> None:
    store = SlowStore()
    async with open_stage("say: a\nwait", store=store) as stage:
        turn_ids = [stage.say("one"), stage.say("two"), stage.say("three")]
        await stage.host.wait_for(lambda: bool(stage.host.text))
        store.hanging = True
        with anyio.fail_after(60):
            await stage.session.close()
        assert [end.turn_id for end in stage.host.ends] == turn_ids
        store.hanging = False


async def test_an_agent_ends_with_all_its_sessions() -> None:
    async with open_stage("say: a\nwait") as stage:
        others = [stage.core.create(stage.core.new_session_id(), stage.opening) for _ in range(3)]
        for session in (stage.session, *others):
            session.submit((Text("go"),))
        await stage.host.wait_for(lambda: len(stage.host.of(events.TextChunk)) == 4)
        await stage.core.aclose()
        assert [end.stop_reason for end in stage.host.ends] == ["cancelled"] * 4


@pytest.mark.parametrize(
    ("prompt", "title"),
    [
        ("Fix the bug", "Fix the bug"),
        ("  many\n\n lines\tand  blanks ", "many lines and blanks"),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 79 + "…"),
        ("word " * 40, "word " * 15 + "word…"),
    ],
)
async def test_a_session_is_named_by_its_first_words(prompt: str, title: str) -> None:
    async with open_stage(ECHO) as stage:
        await stage.prompt(prompt)
        await stage.prompt("another thing")
        titles = [event.title for event in stage.host.told if isinstance(event, events.TitleChanged)]
        assert titles == [title]
        record = await stage.store.get(stage.session.id)
        assert record is not None
        assert record.title == title


async def test_a_prompt_without_words_leaves_the_naming_to_the_next() -> None:
    async with open_stage(ECHO) as stage:
        turn_id = stage.session.submit((Image("AA==", "image/png"),))
        await stage.host.wait_for(lambda: any(end.turn_id == turn_id for end in stage.host.ends))
        await stage.prompt("now with words")
        assert [event.title for event in stage.host.told if isinstance(event, events.TitleChanged)] == [
            "now with words"
        ]


async def test_modes_and_models_are_told_once_and_kept() -> None:
    async with open_stage(ECHO) as stage:
        await stage.session.set_mode("plan")
        await stage.session.set_mode("plan")
        await stage.session.set_model("scripted/script")
        assert stage.host.told == [events.ModeChanged("plan")]
        await stage.prompt("go")
        assert (await stage.reopen()).session.state.mode == "plan"
        assert stage.session.record.mode == "plan"


@pytest.mark.parametrize("mode", ["", "ASK", "root"])
async def test_an_unknown_mode_or_model_names_the_choices(mode: str) -> None:
    async with open_stage(ECHO) as stage:
        with pytest.raises(InvalidChoice, match="accept-edits"):
            await stage.session.set_mode(mode)
        with pytest.raises(InvalidChoice, match="scripted/script"):
            await stage.session.set_model(mode)
        assert stage.host.told == []


@pytest.mark.parametrize("mode", [mode.id for mode in MODES])
async def test_a_session_starts_in_the_mode_of_the_settings(mode: ModeId) -> None:
    async with open_stage(ECHO, defaults=Defaults("scripted/script", mode)) as stage:
        assert stage.session.state.mode == mode


async def test_a_model_that_is_gone_is_still_shown_as_the_current_one() -> None:
    async with open_stage(ECHO, defaults=Defaults("old/model")) as stage:
        assert [model.id for model in stage.session.models()] == ["scripted/script", "old/model"]
        await stage.session.set_model("scripted/script")
        assert [model.id for model in stage.session.models()] == ["scripted/script"]


async def test_warnings_of_the_settings_are_told_at_the_start_and_stored_with_the_first_prompt() -> None:
    async with open_stage(ECHO, defaults=Defaults("scripted/script", warnings=("careful",))) as stage:
        await stage.host.wait_for(lambda: bool(stage.host.told))
        assert stage.host.told == [events.Noticed("warning", "careful")]
        assert await stage.stored() == []
        await stage.prompt("go")
        assert (await stage.stored())[0] == events.Noticed("warning", "careful")


async def test_a_turn_cut_off_by_a_crash_is_closed_as_interrupted() -> None:
    store = MemoryStore()
    record = SessionRecord(SessionId("old"), "/x", NOW, NOW, title="t", model="scripted/script")
    await store.create(record)
    call_id = ToolCallId("c")
    await store.append(
        record.id,
        [
            events.TurnStarted(TurnId("t"), NOW),
            events.UserSaid(MessageId("m"), (Text("go"),)),
            events.CallRequested(call_id, "echo", {}),
            events.CallShown(call_id, ToolCallPatch(title="Echo", status="in_progress")),
        ],
    )
    async with open_stage(ECHO, store=store) as stage:
        stage.session = await stage.core.open(record.id, stage.opening)
        stored = await stage.stored()
        assert stored[4:6] == [
            events.CallShown(call_id, ToolCallPatch(status="failed")),
            events.CallAnswered(call_id, (Text(UNANSWERED),), is_error=True),
        ]
        assert isinstance(stored[6], events.TurnEnded)
        assert stored[6].stop_reason == "interrupted"
        await stage.prompt("go on")
        assert broken_rules(stage.provider.requests[-1].messages) == []
        assert len(await stage.stored()) > 7
        before = await stage.stored()
        await stage.reopen()
        assert await stage.stored() == before  # nothing is left to close


async def test_a_reopened_session_goes_on_where_it_was() -> None:
    async with open_stage("say: first\n---\nsay: never", Tool("echo")) as stage:
        await stage.prompt("one")
        before = await stage.stored()
        await (await stage.reopen()).prompt("two")
        assert (await stage.stored())[: len(before)] == before
        assert list(stage.provider.requests[1].messages[:2]) == [
            *stage.provider.requests[0].messages,
            stage.provider.requests[1].messages[1],
        ]
        assert await collect(stage.session.stored_events()) == await stage.stored()


async def test_opening_a_live_session_moves_it_to_the_new_host_without_disturbing_it() -> None:
    async with open_stage("say: a\nwait") as stage:
        turn_id = stage.say("go")
        await stage.host.wait_for(lambda: bool(stage.host.text))
        newcomer = Host()
        opening = Opening(newcomer, stage.opening.workspace, stage.opening.defaults)
        assert await stage.core.open(stage.session.id, opening) is stage.session
        stage.session.cancel()
        await newcomer.wait_ends(1)
        assert (newcomer.ends[0].turn_id, stage.host.ends) == (turn_id, [])


async def test_two_openings_at_once_find_one_session() -> None:
    async with open_stage(ECHO, store=SlowStore()) as stage:
        await stage.prompt("one")
        await stage.session.close()
        opened: list[object] = []

        async def open_it() -> None:
            opened.append(await stage.core.open(stage.session.id, stage.opening))

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(open_it)
        assert len(set(map(id, opened))) == 1


async def test_opening_a_session_that_is_being_closed_waits_and_gives_a_living_one() -> None:
    async with open_stage("say: a\nwait\nwhen: later\nsay: fine", store=SlowStore()) as stage:
        stage.say("go")
        await stage.host.wait_for(lambda: bool(stage.host.text))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stage.session.close)
            await anyio.lowlevel.checkpoint()
            stage.session = await stage.core.open(stage.session.id, stage.opening)
        assert (await stage.prompt("later")).stop_reason == "end_turn"


async def test_a_session_nobody_heard_of_is_not_found() -> None:
    async with open_stage(ECHO) as stage:
        with pytest.raises(SessionNotFound):
            await stage.core.open(SessionId("nobody"), stage.opening)
        with pytest.raises(SessionNotFound):
            await stage.core.close("nobody")
        with pytest.raises(SessionNotFound):
            stage.core.get("nobody")
        await stage.core.delete("nobody")


async def test_a_deleted_session_is_ended_and_forgotten() -> None:
    async with open_stage("say: a\nwait") as stage:
        turn_id = stage.say("go")
        await stage.host.wait_for(lambda: bool(stage.host.text))
        await stage.core.delete(stage.session.id)
        assert [end.turn_id for end in stage.host.ends] == [turn_id]
        assert await stage.store.get(stage.session.id) is None
        assert (await stage.core.list(cwd=None, cursor=None)).sessions == ()


async def test_a_session_nobody_spoke_in_is_listed_but_leaves_no_trace() -> None:
    async with open_stage(ECHO) as stage:
        listed = (await stage.core.list(cwd=None, cursor=None)).sessions
        assert [record.id for record in listed] == [stage.session.id]
        assert (await stage.core.list(cwd="/elsewhere", cursor=None)).sessions == ()
        await stage.session.close()
        assert await stage.store.get(stage.session.id) is None
        assert (await stage.core.list(cwd=None, cursor=None)).sessions == ()


async def test_a_session_is_listed_once_whether_live_or_stored() -> None:
    async with open_stage(ECHO) as stage:
        await stage.prompt("named")
        for _ in range(2):
            (record,) = (await stage.core.list(cwd=stage.session.record.cwd, cursor=None)).sessions
            assert (record.id, record.title) == (stage.session.id, "named")
            await stage.session.close()


async def test_a_bug_in_the_host_does_not_end_the_session(caplog: pytest.LogCaptureFixture) -> None:
    async with open_stage(ECHO) as stage:
        failures = iter([ValueError("bug in the host")])

        def fail_once(event: events.Event) -> None:
            if isinstance(event, events.TextChunk):
                for failure in failures:
                    raise failure

        stage.host.on_event = fail_once
        ended = await stage.prompt("go")
        assert ended.fault is not None
        assert ended.fault.fault == "internal"
        assert "bug in the host" not in ended.fault.message
        assert (await stage.prompt("go")).stop_reason == "end_turn"
        assert "bug in the host" in caplog.text
