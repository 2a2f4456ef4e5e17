"""Plans that are worked through step by step, and goals, as a client is shown them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio

from acp_agent.model.planning import Planning
from acp_agent.surface.handshake import ClientOffer
from tests.patience import PATIENCE
from tests.server.test_connection import Client, connected

ANALYSIS = json.dumps(
    {
        "goal": {"description": "It is mended", "success_criteria": ["the tests pass"]},
        "execution_plan": {
            "steps": [
                {"id": "a", "content": "look", "priority": "high"},
                {"id": "b", "content": "mend", "dependencies": ["a"]},
                {"id": "c", "content": "note it"},
            ]
        },
    }
)
JUDGMENT = json.dumps({"achieved": False, "progress": 0.5, "remaining_criteria": ["the tests pass"]})
SCRIPT = f"""\
say: Done.
when: Prepare this request
say: {ANALYSIS}
when: Judge whether this goal
say: {JUDGMENT}
when: Step 1 of 3
say: FAILED: there is nothing to see
when: Step 3 of 3
say: I noted it.
"""
ENABLED = Planning("enabled")


def plans(client: Client, kind: str = "plan") -> list[list[tuple[str, str]]]:
    found: list[Any] = [update for update in client.updates if update["sessionUpdate"] == kind]
    return [
        [(entry["content"], entry["status"]) for entry in update.get("plan", update)["entries"]]
        for update in found
    ]


SHOWN = [
    [("look", "in_progress"), ("mend", "pending"), ("note it", "pending")],
    [("look (failed)", "pending"), ("mend", "pending"), ("note it", "pending")],
    [("look (failed)", "pending"), ("mend", "pending"), ("note it", "in_progress")],
    [("look (failed)", "pending"), ("mend", "pending"), ("note it", "completed")],
    [("look (failed)", "pending"), ("mend (skipped)", "pending"), ("note it", "completed")],
]


async def load(client: Client, session_id: str, cwd: Path) -> None:
    client.updates.clear()
    await client.result("session/load", sessionId=session_id, cwd=str(cwd), mcpServers=[])


async def test_each_change_of_a_plan_is_shown_whole_and_the_same_when_the_session_is_loaded(
    tmp_path: Path,
) -> None:
    async with connected(script=SCRIPT, planning=ENABLED) as client:
        session_id = await client.new_session(tmp_path)
        assert (await client.prompt(session_id, "mend it"))["stopReason"] == "end_turn"
        assert plans(client) == SHOWN
        told = client.text
        assert told.startswith("FAILED: there is nothing to seeI noted it.The plan ended early")
        await client.result("session/close", sessionId=session_id)
        await load(client, session_id, tmp_path)
        assert plans(client) == SHOWN
        assert client.text == told
        said = [one for one in client.updates if one["sessionUpdate"] == "user_message_chunk"]
        assert [one["content"]["text"] for one in said] == ["mend it"]


async def test_clients_that_keep_plans_by_id_get_them_so(tmp_path: Path) -> None:
    async with connected(offer=ClientOffer(plans=True), script=SCRIPT, planning=ENABLED) as client:
        session_id = await client.new_session(tmp_path)
        await client.prompt(session_id, "mend it")
        assert plans(client, "plan_update") == SHOWN
        assert plans(client) == []


async def test_a_plan_that_was_cancelled_is_shown_without_a_step_in_progress(tmp_path: Path) -> None:
    script = SCRIPT.replace("say: I noted it.", "say: I will\nwait")
    async with connected(script=script, planning=ENABLED) as client:
        session_id = await client.new_session(tmp_path)
        said = [{"type": "text", "text": "go"}]
        await client.send(client.request("session/prompt", sessionId=session_id, prompt=said))
        with anyio.fail_after(PATIENCE):
            while "will" not in client.text:
                frame = await client.transport.receive()
                assert isinstance(frame, bytes)
                client.updates.append(json.loads(frame)["params"]["update"])
        await client.send({"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": session_id}})
        assert (await client.answer())["result"]["stopReason"] == "cancelled"
        assert plans(client)[-1][-1] == ("note it (cancelled)", "pending")
        shown = plans(client)
        await load(client, session_id, tmp_path)
        assert plans(client) == shown


async def test_what_became_of_the_goal_is_told(tmp_path: Path) -> None:
    tracked = Planning("disabled", track_goals=True)
    async with connected(script=SCRIPT, planning=tracked) as client:
        session_id = await client.new_session(tmp_path)
        await client.prompt(session_id, "mend it")
        thoughts = [one for one in client.updates if one["sessionUpdate"] == "agent_thought_chunk"]
        assert [one["content"]["text"] for one in thoughts] == [
            "The goal is not reached yet: the tests pass\n\n"
        ]
