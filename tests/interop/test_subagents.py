"""Subagents of the installed command: as sessions for clients that know them, as progress for all others."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from acp_agent.base.jsontext import dump_text
from acp_agent.testing.frames import FrameValidator
from acp_agent.testing.model_server import in_order
from tests.interop.history import conversation
from tests.interop.stage import Frame, Lifeline, RawClient, Stage

if TYPE_CHECKING:
    from tests.interop.conftest import OpenEditor


def call(name: str, **arguments: Any) -> str:
    return f"call: {name} {dump_text(arguments)}"


def task(prompt: str, agent: str = "explore", **more: Any) -> str:
    return call("task", agent=agent, description="look around", prompt=prompt, **more)


def scripted(parent: str, child: str) -> str:
    return f"{parent}\n---\nsay: It says: {{result}}\nwhen: child\n{child}"


READING = scripted(task("child"), f"say: Reading.\n{call('read', path='a.txt')}\n---\nsay: the needle")


async def knowing(stage: Stage) -> RawClient:
    """A client that knows subagents, which are no part of the stable protocol."""
    agent = await stage.agent()
    agent.validator = FrameValidator(unstable=True)
    client = RawClient(agent)
    await client.initialize(subagents={})
    return client


def child_of(client: RawClient, session_id: str) -> str:
    return client.agent.updates(session_id, "subagent_update")[0]["sessionId"]


async def prompt(client: RawClient, session_id: str, text: str = "go") -> Frame:
    return await client.response(await client.prompt(session_id, text))


def drawn(updates: list[Frame]) -> list[Frame]:
    """What a client has drawn: calls by id as they ended, texts joined, the last of everything else."""
    screen: dict[str, Frame] = {}
    for update in updates:
        kind = update["sessionUpdate"]
        key = f"{update.get('toolCallId') or update.get('messageId') or kind}"
        before = screen.get(key, {})
        if kind.endswith("_chunk") and "content" in before:
            joined = before["content"]["text"] + update["content"]["text"]
            update = {**update, "content": {"type": "text", "text": joined}}
        screen[key] = {**before, **update, "sessionUpdate": kind.removesuffix("_update")}
    return list(screen.values())


def tree(client: RawClient, session_id: str) -> list[Frame]:
    """The session's calls and subagents as drawn."""
    kinds = ("subagent_update", "tool_call", "tool_call_update")
    return drawn([one for one in client.agent.updates(session_id) if one["sessionUpdate"] in kinds])


async def test_a_client_that_knows_subagents_sees_each_as_a_session(stage: Stage) -> None:
    (stage.cwd / "a.txt").write_text("needle\n")
    model = await stage.model(READING)
    client = await knowing(stage)
    session_id = await client.open(stage.cwd)
    assert (await prompt(client, session_id))["result"]["stopReason"] == "end_turn"

    child = child_of(client, session_id)
    assert [kind for kind, _ in groupby(one["sessionUpdate"] for one in client.agent.updates(child))] == [
        "session_message",
        "session_message_chunk",
        "agent_message_chunk",
        "tool_call",
        "tool_call_update",
        "agent_message_chunk",
    ]
    states = [one["state"] for one in client.agent.updates(session_id, "subagent_update") if "state" in one]
    assert states == [{"state": "running"}, {"state": "idle", "stopReason": "end_turn"}]
    first = next(params for params in client.agent.frames("session/update") if child in str(params["update"]))
    assert first["update"]["sessionUpdate"] == "subagent_update"
    assert [one["name"] for one in client.agent.updates(session_id, "tool_call")] == ["task"]
    assert "the needle" in conversation(model.requests[-1])
    assert "Reading." not in conversation(model.requests[-1])


async def test_a_new_process_replays_the_subagents_too(stage: Stage) -> None:
    (stage.cwd / "a.txt").write_text("needle\n")
    await stage.model(READING)
    client = await knowing(stage)
    session_id = await client.open(stage.cwd)
    await prompt(client, session_id)
    child = child_of(client, session_id)
    await client.ask("session/close", {"sessionId": session_id})

    later = await knowing(stage)
    loaded = await later.ask(
        "session/load", {"sessionId": session_id, "cwd": str(stage.cwd), "mcpServers": []}
    )
    assert "result" in loaded
    assert child_of(later, session_id) == child
    assert drawn(later.agent.updates(child)) == drawn(client.agent.updates(child))
    assert tree(later, session_id) == tree(client, session_id)


async def test_one_subagent_is_cancelled_and_its_session_goes_on(stage: Stage, lifeline: Lifeline) -> None:
    command = call("bash", command=lifeline.hold + "exec sleep 600")
    await stage.model(scripted(task("child", "general"), command))
    stage.env["ACP_AGENT_MODE"] = "auto"
    client = await knowing(stage)
    session_id = await client.open(stage.cwd)
    request = await client.prompt(session_id, "go")
    await lifeline.wait_held()
    await client.notify("session/cancel", {"sessionId": child_of(client, session_id)})
    assert (await client.response(request))["result"]["stopReason"] == "end_turn"
    await lifeline.wait_gone()
    last = client.agent.updates(session_id, "subagent_update")[-1]
    assert last["state"] == {"state": "idle", "stopReason": "cancelled"}


async def test_cancelling_the_session_ends_work_in_the_background(stage: Stage, lifeline: Lifeline) -> None:
    command = call("bash", command=lifeline.hold + "exec sleep 600")
    await stage.model(scripted(task("child", "general", background=True), command))
    stage.env["ACP_AGENT_MODE"] = "auto"
    client = await knowing(stage)
    session_id = await client.open(stage.cwd)
    assert (await prompt(client, session_id))["result"]["stopReason"] == "end_turn"
    await lifeline.wait_held()
    start = len(client.agent.log)
    await client.notify("session/cancel", {"sessionId": session_id})
    await lifeline.wait_gone()
    await client.agent.seen(
        lambda frame: (
            frame.get("method") == "session/update"
            and frame["params"]["update"].get("state") == {"state": "idle", "stopReason": "cancelled"}
        ),
        after=start,
    )


async def test_what_ended_in_the_background_unheard_is_told_by_a_new_process(stage: Stage) -> None:
    script = scripted(task("child", background=True), "say: the needle\nwhen: and?\nsay: seen")
    model = await stage.model(script)
    client = await knowing(stage)
    session_id = await client.open(stage.cwd)
    await prompt(client, session_id)
    await client.agent.seen(lambda frame: "the needle" in str(frame) and "rawOutput" in str(frame))
    await client.ask("session/close", {"sessionId": session_id})

    later = await knowing(stage)
    await later.ask("session/load", {"sessionId": session_id, "cwd": str(stage.cwd), "mcpServers": []})
    await prompt(later, session_id, "and?")
    told = f"[The task {child_of(later, session_id)} in the background, explore: look around, is completed."
    assert told in conversation(model.requests[-1])


async def test_other_clients_see_what_a_subagent_does_in_the_call(
    stage: Stage, open_editor: OpenEditor
) -> None:
    (stage.cwd / "a.txt").write_text("needle\n")
    session = await (await open_editor(READING)).open()
    assert await session.ask("go") == "end_turn"
    (shown,) = session.calls()
    assert (shown["kind"], shown["title"], shown["status"]) == ("think", "explore: look around", "completed")
    assert shown["content"][0]["content"]["text"] == "the needle"
    progress = [
        update["content"][0]["content"]["text"]
        for update in session.updates("tool_call_update")
        if update.get("content")
    ]
    assert any("✓ Read `a.txt`" in text for text in progress)
    assert {params["sessionId"] for params in session.agent.frames("session/update")} == {session.id}


async def test_the_question_of_a_subagent_is_shown_and_answered(
    stage: Stage, open_editor: OpenEditor
) -> None:
    writing = scripted(
        task("child", "general"), f"{call('write', path='b.txt', content='b')}\n---\nsay: written"
    )
    session = await (await open_editor(writing)).open()
    assert await session.ask("go") == "end_turn"
    (question,) = session.agent.frames("session/request_permission")
    assert question["sessionId"] == session.id
    assert question["toolCall"]["title"] == "general: Write `b.txt`"
    assert (stage.cwd / "b.txt").read_text() == "b"
    asked = next(one for one in session.calls() if one["toolCallId"] == question["toolCall"]["toolCallId"])
    assert asked["status"] == "completed"


async def test_a_subagent_of_the_users_own_is_offered_and_used(stage: Stage, open_editor: OpenEditor) -> None:
    folder = stage.home / "config" / "agents"
    model = await stage.model(in_order(task("child", "poet"), "say: a poem", "say: ok"))
    for place in (stage.home / "agents", folder):
        place.mkdir(parents=True, exist_ok=True)
        (place / "poet.md").write_text("---\ndescription: Writes poems\ntools: read\n---\nYou are a poet.\n")
    session = await (await open_editor()).open()
    assert await session.ask("go") == "end_turn"
    assert "poet: Writes poems" in dump_text(model.requests[0])
    assert "You are a poet." in dump_text(model.requests[1])
    assert "a poem" in conversation(model.requests[2])


async def test_subagents_work_on_a_prompt_unasked_if_the_user_wants_that(
    stage: Stage, open_editor: OpenEditor
) -> None:
    (stage.cwd / "a.txt").write_text("needle\n")
    folder = stage.home / "config"
    folder.mkdir(parents=True, exist_ok=True)
    for place in (stage.home, folder):
        (place / "config.toml").write_text("[auto_delegation]\nenabled = true\n")
    reading = call("read", path="a.txt")
    model = await stage.model(in_order(reading, "say: the needle", "say: It says needle."))
    session = await (await open_editor()).open()
    assert await session.ask("Where is the needle?") == "end_turn"
    (shown,) = session.calls()
    assert (shown["title"], shown["status"]) == ("explore: Where is the needle?", "completed")
    assert shown["content"][0]["content"]["text"] == "the needle"
    assert '\\"answer\\":\\"the needle\\"' in dump_text(model.requests[-1])
    assert session.text().endswith("It says needle.")
