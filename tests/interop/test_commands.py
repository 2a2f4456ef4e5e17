"""Slash commands as an editor meets them: offered, typed, answered, replayed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import acp
import pytest

from tests.interop.history import conversation
from tests.interop.stage import COMMAND, Frame, Service, Stage

if TYPE_CHECKING:
    from tests.interop.conftest import Conversation, Editor, OpenEditor

OFFER = "available_commands_update"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def is_offer(frame: Frame, session_id: str) -> bool:
    return (
        frame.get("method") == "session/update"
        and frame["params"]["sessionId"] == session_id
        and frame["params"]["update"]["sessionUpdate"] == OFFER
    )


async def offers(session: Conversation, *, times: int = 1) -> list[Frame]:
    """The lists of commands that a session was told, once there are so many."""
    position = 0
    for _ in range(times):
        frame = await session.agent.seen(lambda frame: is_offer(frame, session.id), after=position)
        position = next(at for at, line in enumerate(session.agent.log) if line.frame is frame) + 1
    return session.updates(OFFER)


def names(offer: Frame) -> list[str]:
    return [command["name"] for command in offer["availableCommands"]]


def answered_before_offered(editor: Editor, session_id: str, n_offers: int) -> bool:
    """Whether the last answer was written before the last offer, and there are so many of them."""
    log = [line.frame for line in editor.agent.log if line.sender == "agent"]
    found = [at for at, frame in enumerate(log) if is_offer(frame, session_id)]
    answers = [at for at, frame in enumerate(log) if "result" in frame]
    return len(found) == n_offers and answers[-1] < found[-1]


async def test_commands_are_offered_after_the_answer_of_new_load_and_resume(
    stage: Stage, open_editor: OpenEditor
) -> None:
    editor = await open_editor("say: ok")
    session = await editor.open()
    (offer,) = await offers(session)
    assert names(offer)[:2] == ["help", "compact"]
    assert all(not command["name"].startswith("/") for command in offer["availableCommands"])
    assert answered_before_offered(editor, session.id, 1)
    await session.ask("hi")
    await session.close()

    later = await open_editor()
    loaded = await later.load(session.id)
    await offers(loaded)
    assert answered_before_offered(later, session.id, 1)
    await loaded.close()

    third = await open_editor()
    await third.connection.resume_session(session.id, str(stage.cwd), mcp_servers=[])
    await third.agent.seen(lambda frame: is_offer(frame, session.id))
    assert answered_before_offered(third, session.id, 1)


async def test_a_prompt_sent_at_once_gets_its_answer_after_the_offer(open_editor: OpenEditor) -> None:
    editor = await open_editor("say: ok")
    session = await editor.open()
    await session.ask("hi")
    assert len(session.updates(OFFER)) == 1
    assert "result" in editor.agent.log[-1].frame


async def test_a_built_in_command_is_replayed_as_it_was_shown(stage: Stage, open_editor: OpenEditor) -> None:
    model = await stage.model("say: ok")
    editor = await open_editor()
    session = await editor.open()
    for text in ("/help", "/mode plan", "/permissions deny Bash", "/cost", "/usr/bin is a path"):
        assert await session.ask(text) == "end_turn"
    assert "**Commands of acp-agent**" in session.text()
    assert len(model.requests) == 1
    await session.close()

    again = await (await open_editor()).load(session.id)
    seen, replayed = session.updates(), again.updates()
    typed = [one["content"]["text"] for one in replayed if one["sessionUpdate"] == "user_message_chunk"]
    assert typed == ["/help", "/mode plan", "/permissions deny Bash", "/cost", "/usr/bin is a path"]
    assert _texts(replayed) == _texts(seen)
    assert await again.ask("/permissions") == "end_turn"
    assert "deny `Bash`" in again.text()


def _texts(updates: list[Frame]) -> dict[Any, str]:
    """The agent's messages, whole."""
    texts: dict[Any, str] = {}
    for update in updates:
        if update["sessionUpdate"] == "agent_message_chunk":
            texts[update["messageId"]] = texts.get(update["messageId"], "") + update["content"]["text"]
    return texts


async def test_commands_of_files_reach_the_model_expanded_and_the_client_as_typed(
    stage: Stage, service: Service, open_editor: OpenEditor
) -> None:
    write(
        stage.home / "commands" / "git" / "fix.md", "---\nargument-hint: <issue>\n---\nFix issue number $1."
    )
    write(stage.home / "skills" / "pdf" / "SKILL.md", "---\ndescription: Forms\n---\nFill in forms.")
    model = await stage.model("say: ok", service)
    editor = await open_editor()
    session = await editor.open()
    (offer,) = await offers(session)
    assert offer["availableCommands"][-2:] == [
        {"name": "git:fix", "description": "Fix issue number $1.", "input": {"hint": "<issue>"}},
        {"name": "pdf", "description": "Forms"},
    ]
    assert await session.ask("/git:fix 42") == "end_turn"
    assert "Fix issue number 42." in conversation(model.requests[-1])
    assert "/git:fix" not in conversation(model.requests[-1])
    assert await session.ask("/pdf") == "end_turn"
    assert "Fill in forms." in conversation(model.requests[-1])
    await session.close()

    again = await (await open_editor()).load(session.id)
    typed = [one["content"]["text"] for one in again.updates("user_message_chunk")]
    assert typed == ["/git:fix 42", "/pdf"]
    assert await again.ask("and now?") == "end_turn"
    assert "Fix issue number 42." in conversation(model.requests[-1])


async def test_commands_of_a_project_count_once_it_is_trusted(stage: Stage, open_editor: OpenEditor) -> None:
    write(stage.cwd / ".claude" / "commands" / "deploy.md", "Deploy to $ARGUMENTS.")
    model = await stage.model("say: ok")
    editor = await open_editor()
    session = await editor.open()
    (offer,) = await offers(session)
    assert "deploy" not in names(offer)
    await session.ask("/deploy there")
    assert "/deploy there" in conversation(model.requests[-1])
    await session.ask("/help")
    assert f"acp-agent trust {stage.cwd}" in session.text()

    trusted = subprocess.run(  # noqa: ASYNC221 # nothing else is going on
        [COMMAND, "trust", str(stage.cwd)],
        env={"PATH": "", "ACP_AGENT_HOME": str(stage.home)},
        capture_output=True,
        check=True,
    )
    assert b"slash commands" in trusted.stdout
    await session.ask("/deploy here")
    assert "Deploy to here." in conversation(model.requests[-1])
    assert ["deploy" in names(offer) for offer in await offers(session, times=2)] == [False, True]


async def test_a_command_is_not_for_the_model_even_with_files_attached(
    stage: Stage, open_editor: OpenEditor
) -> None:
    editor = await open_editor("say: ok")
    session = await editor.open()
    link = acp.resource_link_block("a.txt", (stage.cwd / "a.txt").as_uri())
    answer = await editor.connection.prompt(session.id, [acp.text_block("/mode plan"), link])
    assert answer.stop_reason == "end_turn"
    assert session.updates("current_mode_update")[-1]["currentModeId"] == "plan"
    assert len(stage.models[0].requests) == 0


@pytest.mark.parametrize("text", ["/clear", "/rewind 1"])
async def test_what_is_cleared_or_rewound_is_shown_in_a_replay_and_unknown_to_the_model(
    stage: Stage, open_editor: OpenEditor, text: str
) -> None:
    model = await stage.model("say: ok")
    editor = await open_editor()
    session = await editor.open()
    await session.ask("the secret word is banana")
    await session.ask(text)
    await session.close()
    again = await (await open_editor()).load(session.id)
    assert again.updates("user_message_chunk")[0]["content"]["text"] == "the secret word is banana"
    await again.ask("which word?")
    assert "banana" not in conversation(model.requests[-1])
