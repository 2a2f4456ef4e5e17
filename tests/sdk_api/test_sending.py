"""Prompts and what comes of them: results, streams, history, attachments, side questions, cancelling."""

from __future__ import annotations

import base64
import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from acp_agent.model.chat import FromTools, FromUser
from acp_agent.model.content import Image, Text
from acp_agent.model.session import ModelInfo
from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.sdk.embed.agent import AsyncAgent
from acp_agent.sdk.embed.blocking.agent import Agent
from acp_agent.sdk.embed.blocking.stream import EventStream
from acp_agent.sdk.embed.errors import (
    AttachmentInvalid,
    ConfigInvalid,
    QuestionEmpty,
    RunFailed,
    SessionBusy,
    SessionClosed,
    ToolFailed,
)
from acp_agent.sdk.embed.events.messages import ContentBlock, Message
from acp_agent.sdk.embed.options.attachments import Attachment
from acp_agent.sdk.embed.options.custom_tools import ToolContext, ToolOutput, tool
from tests.patience import PATIENCE
from tests.sdk_api.conftest import Home

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""One pixel."""


def test_031_073_074_083_a_result_has_text_usage_and_flat_tokens(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    result = agent.session(home.workspace, llm_client=model).send("hi")
    assert (result.text, result.tool_calls_count, result.stop_reason) == ("Hello! You said hi", 0, "end_turn")
    assert (result.usage.prompt_tokens, result.usage.completion_tokens) == (100, 20)
    assert result.usage.total_tokens == result.total_tokens == 120
    assert (result.usage.cache_read_tokens, result.verification_status) == (None, "skipped")
    assert [message.role for message in result.messages] == ["user", "assistant"]


def test_004_032_tools_run_by_themselves_and_are_counted(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    result = agent.session(home.workspace, llm_client=model).send("read it")
    assert (result.tool_calls_count, "remember the milk" in result.text) == (1, True)


def test_003_sessions_have_histories_of_their_own(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    one, two = (agent.session(home.workspace, llm_client=model) for _ in range(2))
    one.send("hi")
    assert (len(one.history()), two.history()) == (2, [])


def test_049_to_052_075_076_the_events_of_a_run(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    session = agent.session(home.workspace, llm_client=model)
    events = list(session.stream("read it"))
    kinds = [event.event_type for event in events]
    assert kinds[:3] == ["start", "turn_start", "text_delta"]
    assert [kind for kind in kinds if kind.startswith(("tool", "turn", "end"))] == [
        *("turn_start", "tool_start", "turn_end", "tool_execution_start", "tool_end"),
        *("turn_start", "turn_end", "end"),
    ]
    started = next(event for event in events if event.event_type == "tool_start")
    ended = next(event for event in events if event.event_type == "tool_end")
    assert (started.tool_name, started.name, started.text) == ("read", "read", None)
    assert (ended.tool_id, ended.exit_code) == (started.tool_id, 0)
    assert "remember the milk" in (ended.tool_output or "")
    assert (events[0].prompt, events[-1].text) == ("read it", session.history()[-1].content)
    assert events[-1].usage is not None
    assert events[1].to_dict() == {"type": "turn_start", "version": 1, "turn": 1}


def test_076_what_a_command_prints_is_told_as_it_comes(agent: Agent, home: Home) -> None:
    printing = ScriptedProvider('call: bash {"command": "echo one; echo two"}\n---\nsay: done')
    session = agent.session(home.workspace, llm_client=printing, permissive=True)
    events = [event for event in session.stream("print") if event.tool_name == "bash"]
    printed = [event for event in events if event.event_type == "tool_output_delta"]
    assert "".join(event.text or "" for event in printed) == "one\ntwo\n" == events[-1].tool_output
    assert {event.tool_id for event in printed} == {events[0].tool_id}


def test_053_leaving_a_stream_cancels_its_run_and_leaks_nothing(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    session = agent.session(home.workspace, llm_client=model)
    for event in session.stream("forever"):
        assert event.event_type == "start"
        break
    gc.collect()
    assert [run.status for run in session.runs()] == ["cancelled"]
    assert session.send("hi").text == "Hello! You said hi"


async def test_053_leaving_an_async_stream_cancels_its_run_too(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    session = async_agent.session(home.workspace, llm_client=model)
    stream = aiter(session.stream("forever"))
    assert (await anext(stream)).event_type == "start"
    await stream.aclose()
    assert [run.status for run in session.runs()] == ["cancelled"]


async def test_058_a_blocking_session_streams_within_a_running_loop(
    home: Home, model: ScriptedProvider
) -> None:
    with Agent.create({}, env=home.env) as agent:
        session = agent.session(home.workspace, llm_client=model)
        kinds = [event.event_type async for event in session.stream("hi")]
        assert kinds[-1] == "end"
        assert session.send("hi").text == "Hello! You said hi"  # also right in the loop's thread


def test_055_a_stream_can_be_read_by_hand(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    stream = agent.session(home.workspace, llm_client=model).stream("hi")
    value, done = stream.next()
    assert (value is not None and value.event_type, done) == ("start", False)
    assert stream.result().text == "Hello! You said hi"
    while not done:
        value, done = stream.next()
    assert value is None


def test_041_a_stream_that_nobody_reads_goes_on(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    session = agent.session(home.workspace, llm_client=model)
    stream = session.stream("hi")
    assert stream.result().text == "Hello! You said hi"
    assert session.current_run() is not None


def test_060_062_063_159_a_history_of_ones_own_leaves_the_sessions_alone(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    session = agent.session(home.workspace, llm_client=model)
    session.send("hi")
    before = session.history()
    history = [
        Message.user("What's in src/?"),
        Message("assistant", (ContentBlock.of_text("It contains main.rs and lib.rs."),)),
    ]
    assert session.send_with_history(history, "Now explain main.rs").text.endswith("Now explain main.rs")
    asked = model.requests[-1].messages
    assert [type(message).__name__ for message in asked] == ["FromUser", "FromAssistant", "FromUser"]
    assert session.history() == before
    assert session.send("and?", None).text == "Hello! You said and?"
    assert len(session.runs()) == 3


def test_060_a_run_on_another_history_that_cannot_begin_ends_alone(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    session = agent.session(home.workspace, llm_client=model)
    odd: Any = ["an id that is none"]
    history = [Message("tool", (ContentBlock("tool_result", "x", tool_id=odd),))]
    with pytest.raises(RunFailed, match="the run failed: TypeError: unhashable type: 'list'"):
        session.send("hi", history)
    assert [run.status for run in session.runs()] == ["failed"]
    assert session.send("hi", []).text == session.send("hi").text == "Hello! You said hi"


async def test_212_a_history_that_is_looked_at_in_the_middle_of_a_run_stays_what_it_is(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    session = async_agent.session(home.workspace, llm_client=model)
    looked = [len(session.history()) async for _ in session.stream("read it")]
    assert looked == sorted(looked)
    await session.send("hi")
    said = [(message.role, message.content) for message in session.history()]
    assert [role for role, _ in said] == ["user", "assistant", "tool", "assistant", "user", "assistant"]
    assert [content for _, content in said][4:] == ["hi", "Hello! You said hi"]
    assert (await session.send("and")).messages == tuple(session.history())


def test_061_212_213_messages_read_as_text(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    session = agent.session(home.workspace, llm_client=model)
    session.send("read it")
    assert [message.role for message in session.history()] == ["user", "assistant", "tool", "assistant"]
    assert session.history()[0] == Message.user("read it")
    assert session.history()[0].content[:4] == "read"


def test_036_037_039_attachments_know_their_kind(tmp_path: Path) -> None:
    for name, media_type in (("a.png", "png"), ("a.JPG", "jpeg"), ("a.gif", "gif"), ("a.webp", "webp")):
        (tmp_path / name).write_bytes(b"picture")
        assert Attachment.from_file(tmp_path / name) == Attachment(b"picture", f"image/{media_type}")
    assert Attachment.jpeg(b"x").media_type == "image/jpeg"
    assert Attachment.webp(b"x").media_type == "image/webp"
    with pytest.raises(AttachmentInvalid, match="attach one of"):
        Attachment.from_file(tmp_path / "a.bmp")


def test_034_038_040_attachments_go_before_the_words(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    session = agent.session(home.workspace, llm_client=model)
    session.send_with_attachments("what is it?", [{"data": PNG, "mediaType": "image/png"}])
    said = model.requests[-1].messages[0]
    assert isinstance(said, FromUser)
    assert [type(part) for part in said.content] == [Image, Text]
    kinds = [event.type for event in session.stream_with_attachments("and?", [Attachment.png(PNG)], None)]
    assert kinds[-1] == "end"
    assert session.history()[0].blocks[0].image == Attachment.png(PNG)


def test_035_a_model_without_eyes_refuses(agent: Agent, home: Home) -> None:
    blind = ScriptedProvider("say: hm", models=(ModelInfo("scripted/blind", "Blind", takes_images=False),))
    session = agent.session(home.workspace, llm_client=blind)
    with pytest.raises(AttachmentInvalid, match="takes no pictures"):
        session.send_with_attachments("look", [Attachment.gif(b"GIF89a")])


def test_042_to_046_a_tool_of_the_program_returns_a_picture(agent: Agent, home: Home) -> None:
    threads: list[str] = []

    @tool(description="Take a picture of the screen.", read_only=True)
    def screenshot(area: str, scale: float = 1.0, *, ctx: ToolContext) -> ToolOutput:
        threads.append(threading.current_thread().name)
        assert ctx.workspace == str(home.workspace)
        return ToolOutput.success(f"captured {area} {scale}").with_images([Attachment.png(PNG)])

    looking = ScriptedProvider('call: screenshot {"area": "all"}\n---\nsay: {result}')
    session = agent.session(home.workspace, llm_client=looking, tools=[screenshot])
    assert session.send("look").text == "captured all 1.0"
    answer = looking.requests[-1].messages[-1]
    assert isinstance(answer, FromTools)
    assert [type(part) for part in answer.results[0].content] == [Text, Image]
    spec = next(spec for spec in looking.requests[0].tools if spec.name == "screenshot")
    assert spec.input_schema["required"] == ["area"]
    assert len(threads) == 1
    assert threads[0] != "acp-agent"
    direct = session.tool("screenshot", {"area": "left"})
    assert (direct.output, direct.images) == ("captured left 1.0", (Attachment.png(PNG),))


def test_044_an_async_tool_and_one_that_fails(agent: Agent, home: Home) -> None:
    @tool(read_only=True)
    async def wait() -> str:
        """Wait a little."""
        await anyio.lowlevel.checkpoint()
        return "waited"

    @tool(read_only=True)
    def fall() -> str:
        """Fall."""
        raise ValueError("over")

    session = agent.session(home.workspace, tools=[wait, fall])
    assert session.tool("wait", {}).output == "waited"
    assert session.tool("fall", {}).output == "`fall` failed: over"
    with pytest.raises(ConfigInvalid, match="needs a description"):
        tool(lambda: "nothing")


def test_069_081_every_direct_tool(agent: Agent, home: Home) -> None:
    session = agent.session(home.workspace)
    assert {"read", "write", "edit", "ls", "glob", "grep", "bash"} <= set(session.tool_names)
    session.write_file("new/a.txt", "one\ntwo\n")
    session.edit_file("new/a.txt", "two", "three")
    assert session.read_file("new/a.txt") == "one\nthree\n"
    assert "a.txt" in session.ls("new")
    assert session.glob("**/a.*") == ["new/a.txt"]
    assert session.glob("**/b.*") == []
    assert session.grep("three") == "new/a.txt:2:three"
    assert "patched `new/a.txt`" in session.patch_file("new/a.txt", "@@ -2 +2 @@\n-three\n+four\n")
    assert session.read_file("new/a.txt") == "one\nfour\n"
    assert session.tool("patch", {"path": "new/a.txt", "diff": "@@ @@\n-four\n+three\n"}).success
    assert session.read_file("new/a.txt") == "one\nthree\n"
    with pytest.raises(ToolFailed, match="its text is not in the file"):
        session.patch_file("new/a.txt", "@@ @@\n-five\n+six\n")
    assert session.tool("bash", {"command": "exit 3"}).exit_code == 3
    assert session.tool("edit", {"file_path": "new/a.txt", "old_string": "one", "new_string": "1"}).success
    assert session.tool("read", {"path": "missing"}).error_kind == "not_found"
    assert session.tool("read", {"path": "../.."}).error_kind == "invalid_argument"
    with pytest.raises(ToolFailed, match="no such file"):
        session.read_file("missing")
    with pytest.raises(ToolFailed, match="there is no tool"):
        session.tool("fly", {})
    with pytest.raises(ToolFailed, match="outside the workspace"):
        session.read_file("/etc/passwd")


async def test_git_is_called_directly_too(agent: Agent, async_agent: AsyncAgent, home: Home) -> None:
    session = agent.session(home.workspace)
    with pytest.raises(ToolFailed, match="not a git repository"):
        session.git("status")
    session.bash("git init --quiet --initial-branch=main")
    assert "notes.txt" in session.git("status")
    session.git("checkout", new_branch="idea")
    assert "No commits yet on idea" in session.git("status")
    assert "notes.txt" in await async_agent.session(home.workspace).git("status")
    with pytest.raises(ToolFailed, match="command"):
        session.git("push")


def test_102_103_104_a_side_question_leaves_no_trace(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    session = agent.session(home.workspace, llm_client=model)
    session.send("hi")
    before = session.history()
    answer = session.btw("what did I say?")
    assert (answer.question, answer.usage.total_tokens, answer.total_tokens) == ("what did I say?", 120, 120)
    assert "what did I say?" in answer.answer
    assert model.requests[-1].tools == ()
    assert [session.history(), len(session.runs())] == [before, 1]
    with pytest.raises(QuestionEmpty):
        session.btw("  ")


async def test_102_a_side_question_may_be_asked_during_a_run(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    session = async_agent.session(home.workspace, llm_client=model)
    stream = session.stream("forever")
    with anyio.fail_after(PATIENCE):
        await anyio.wait_all_tasks_blocked()
        answer = await session.btw("how far?")
    asked = model.requests[-1].messages[-1]
    assert isinstance(asked, FromUser)
    assert "A run is going on" in str(asked.content)
    assert answer.answer
    await stream.aclose()


async def test_142_144_145_cancelling_returns_what_there_is(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    session = async_agent.session(home.workspace, llm_client=model)
    assert (session.cancel(), session.current_run()) == (False, None)
    results: list[str] = []
    async with anyio.create_task_group() as tasks:

        async def send() -> None:
            results.append((await session.send("forever")).stop_reason)

        tasks.start_soon(send)
        await anyio.wait_all_tasks_blocked()
        current = session.current_run()
        assert current is not None
        assert current.status == "running"
        with pytest.raises(SessionBusy) as busy:
            await session.send("me too")
        assert (busy.value.run_id, busy.value.code) == (current.id, "session_busy")
        assert not session.cancel_run("another")
        assert session.cancel_run(current.id)
    assert results == ["cancelled"]
    retained = session.current_run()
    assert retained is not None
    assert retained.status == "cancelled"


def test_a_failed_run_says_what_failed(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    session = agent.session(home.workspace, llm_client=model)
    with pytest.raises(RunFailed) as failed:
        session.send("fail")
    assert (failed.value.code, failed.value.status) == ("unauthorized", 401)
    assert str(failed.value) == f"`scripted` answered 401: who are you; {failed.value.hint}"
    assert "acp-agent doctor" in failed.value.hint
    told = list(session.stream("fail"))[-1]
    assert (told.event_type, told.error, told.error_kind) == ("error", str(failed.value), "unauthorized")
    assert [run.status for run in session.runs()] == ["failed", "failed"]


async def test_109_to_114_closing_cancels_and_is_final(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    session = async_agent.session(home.workspace, llm_client=model)
    stream = session.stream("forever")
    await session.close()
    await session.close()
    assert (session.is_closed(), (await stream.result()).stop_reason) == (True, "cancelled")
    with pytest.raises(SessionClosed) as closed:
        await session.send("hi")
    assert closed.value.code == "session_closed"
    with pytest.raises(SessionClosed):
        session.stream("hi")
    assert session.history()[0].content == "forever"


def test_116_the_error_has_the_name_of_its_kind() -> None:
    from acp_agent import CodeError

    assert CodeError.SessionClosed is SessionClosed
    assert issubclass(SessionClosed, CodeError)


def test_117_118_119_one_token_ends_the_run_and_all_after_it(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    session = agent.session(home.workspace, llm_client=model)
    token = session.session_cancel_token()
    child = token.child_token()
    told: list[str] = []
    child.on_cancel(lambda: told.append("child"))
    stream = session.stream("forever")
    token.cancel()
    token.cancel()
    assert (stream.result().stop_reason, child.is_cancelled, told) == ("cancelled", True, ["child"])
    assert token.child().is_cancelled
    assert not session.is_closed()
    with pytest.raises(SessionClosed):
        session.send("hi")


def test_a_stream_keeps_its_session_and_agent_alive(home: Home, model: ScriptedProvider) -> None:
    def begin() -> EventStream:
        return Agent.create({}, env=home.env).session(home.workspace, llm_client=model).stream("read it")

    stream = begin()
    gc.collect()
    assert [event.event_type for event in stream][-1] == "end"


async def test_an_agent_closes_although_sessions_of_it_were_forgotten(home: Home) -> None:
    with anyio.fail_after(PATIENCE):
        async with AsyncAgent.create({}, env=home.env) as agent:
            for _ in range(4):  # each begins to be closed when the next one is made
                agent.session(home.workspace)
    assert agent.list_sessions() == []


def test_several_threads_use_one_agent(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    sessions = [agent.session(home.workspace, llm_client=model) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        answers = [threads.submit(session.send, "hi") for session in sessions]
    assert [answer.result().text for answer in answers] == ["Hello! You said hi"] * 4


async def test_cancelling_the_caller_cancels_the_run(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    session = async_agent.session(home.workspace, llm_client=model)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.send, "forever")
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert [run.status for run in session.runs()] == ["cancelled"]
    assert (await session.send("hi")).text == "Hello! You said hi"


def test_066_a_glob_gives_files_and_no_remarks(agent: Agent, home: Home) -> None:
    for number in range(201):
        (home.workspace / f"{number}.rs").touch()
    found = agent.session(home.workspace).glob("*.rs")
    assert (len(found), all(name.endswith(".rs") for name in found)) == (200, True)
