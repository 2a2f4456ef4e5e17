"""A conversation that gets too long goes on, and a client sees what was done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import acp
import pytest

from acp_agent.testing.model_server import in_order
from tests.interop.history import conversation
from tests.interop.stage import Frame, RawClient, Service, Stage, prompt_params

if TYPE_CHECKING:
    from tests.interop.conftest import OpenEditor

SCRIPT = """\
say: {prompt}
when: bananas
fail: 1 400 prompt is too long: 9 tokens
say: it fits now
when: Summarize this conversation
say: All is well.
usage: 300 20
"""


async def ask(client: RawClient, session_id: str, text: str) -> Frame:
    return await client.ask("session/prompt", prompt_params(session_id, text))


async def test_what_is_too_long_for_the_model_is_summarized_and_replayed_as_it_was_shown(
    stage: Stage, service: Service
) -> None:
    model = await stage.model(SCRIPT, service)
    client = await stage.raw(session={"compaction": {}})
    session_id = await client.open(stage.cwd)
    await ask(client, session_id, "the first words")
    assert (await ask(client, session_id, "bananas"))["result"] == {"stopReason": "end_turn"}

    live = client.agent.updates(session_id)
    statuses = [update["status"] for update in live if update["sessionUpdate"] == "compaction_update"]
    assert statuses == ["in_progress", "completed"]
    chunks = [update for update in live if update["sessionUpdate"] == "compaction_summary_chunk"]
    assert "".join(update["content"]["text"] for update in chunks) == "All is well."
    assert "All is well." in conversation(model.requests[-1])
    assert "the first words" in conversation(model.requests[-1])

    await client.ask("session/close", {"sessionId": session_id})
    start = len(client.agent.log)
    await client.ask("session/load", {"sessionId": session_id, "cwd": str(stage.cwd), "mcpServers": []})
    replayed = [
        line.frame["params"]["update"]
        for line in client.agent.log[start:]
        if line.frame.get("method") == "session/update"
    ]
    assert [one for one in replayed if one["sessionUpdate"] == "compaction_update"] == [
        one for one in live if one["sessionUpdate"] == "compaction_update"
    ]


async def test_a_client_that_draws_no_compactions_reads_a_line_about_it(open_editor: OpenEditor) -> None:
    session = await (await open_editor(SCRIPT)).open()
    await session.ask("the first words")
    assert await session.ask("bananas") == "end_turn"
    assert not [update for update in session.updates() if "compaction" in update["sessionUpdate"]]
    assert "The conversation was summarized" in session.text("agent_thought_chunk")
    assert "All is well." not in session.text()
    assert session.text().endswith("it fits now")


@pytest.mark.parametrize("answer", ["400 prompt is too long: 9 tokens", "413 too big"])
async def test_a_prompt_that_is_too_long_by_itself_ends_with_what_to_do(
    stage: Stage, open_editor: OpenEditor, answer: str
) -> None:
    model = await stage.model(in_order(f"error: {answer}", "say: works again"))
    session = await (await open_editor()).open()
    with pytest.raises(acp.RequestError, match="new session") as failed:
        await session.ask("hi")
    assert failed.value.data is not None
    assert failed.value.data["kind"] == "context_too_long"
    assert len(model.requests) == 1
    assert await session.ask("again") == "end_turn"
    assert session.text() == "works again"


async def test_project_instructions_reach_the_model_in_the_same_words_every_time(
    stage: Stage, service: Service
) -> None:
    (stage.cwd / "AGENTS.md").write_text("Indent with tabs.", encoding="utf-8")
    model = await stage.model("say: one\n---\nsay: two\n---\nsay: three", service)
    first = await stage.raw()
    session_id = await first.open(stage.cwd)
    await ask(first, session_id, "1")
    (stage.cwd / "AGENTS.md").write_text("Indent with spaces.", encoding="utf-8")
    await ask(first, session_id, "2")
    await stage.end(first.agent)
    stage.agents.remove(first.agent)

    second = await stage.raw()
    await second.ask("session/load", {"sessionId": session_id, "cwd": str(stage.cwd), "mcpServers": []})
    await ask(second, session_id, "3")

    systems = {_system(request.body) for request in model.requests}
    assert len(model.requests) == 3
    assert len(systems) == 1
    assert "Indent with tabs." in systems.pop()
    assert "Indent with spaces." not in conversation(model.requests[0])
    assert conversation(model.requests[2]).count("Indent with spaces.") == 1


def _system(body: Frame) -> str:
    return str(body.get("system") or [one for one in body["messages"] if one["role"] == "system"])
