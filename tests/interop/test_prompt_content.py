"""Prompts as editors compose them: mentions, selections, pasted pictures. All of it reaches the model."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import acp
import anyio
import pytest
from acp import schema

from acp_agent.base.jsontext import dump_text
from tests.interop.history import conversation
from tests.interop.stage import Service, Stage

if TYPE_CHECKING:
    from tests.interop.conftest import Conversation, OpenEditor

DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def embedded(uri: str, text: str) -> Any:
    return acp.resource_block(schema.TextResourceContents(uri=uri, text=text))


def blob(uri: str, data: bytes, mime_type: str | None = None) -> Any:
    return acp.resource_block(schema.BlobResourceContents(uri=uri, blob=base64_of(data), mime_type=mime_type))


def written(text: str) -> str:
    """`text` as it stands inside the JSON of a request."""
    return dump_text(text)[1:-1]


async def send(session: Conversation, *blocks: Any) -> str:
    with anyio.fail_after(30):  # the agent may still be loading
        return (await session.editor.connection.prompt(session.id, list(blocks))).stop_reason


async def test_mentions_of_zed_reach_the_model(
    stage: Stage, service: Service, open_editor: OpenEditor
) -> None:
    project = stage.cwd.as_uri()
    (stage.cwd / "main.rs").write_text("".join(f"line {n}\n" for n in range(1, 31)))
    (stage.cwd / "src").mkdir()
    (stage.cwd / "src" / "lib.rs").write_text("pub fn x() {}\n")
    model = await stage.model("say: seen", service)
    editor = await open_editor(files=True)
    editor.buffers[str(stage.cwd / "src" / "lib.rs")] = "pub fn unsaved() {}\n"
    session = await editor.open()
    stop_reason = await send(
        session,
        acp.text_block("compare "),
        embedded(f"{project}/main.rs", "the whole buffer of main"),
        embedded(f"{project}/main.rs#L3:4", "a selection in main"),
        embedded(f"{project}/main.rs?symbol=run#L5:9", "fn run() {}"),
        embedded("zed:///agent/untitled-buffer#L1:2", "never saved anywhere"),
        embedded("zed:///agent/thread/1?name=Old%20thread", "what was said before"),
        embedded("https://example.com/docs", "a page that Zed fetched"),
        acp.resource_link_block(name="lib.rs", uri=f"{project}/src/lib.rs"),
        acp.resource_link_block(name="main.rs (7:8)", uri=f"{project}/main.rs#L7:8"),
        acp.resource_link_block(
            name="main.rs (9:9)", uri=f"zed:///agent/selection?path={stage.cwd}/main.rs#L9:9"
        ),
        acp.resource_link_block(name="src", uri=f"{project}/src/"),
        acp.resource_link_block(name="a page", uri="https://example.com/not-fetched"),
        acp.image_block(base64_of(DOT), "image/png", uri="zed:///agent/pasted-image"),
    )
    assert stop_reason == "end_turn"
    sent = conversation(model.requests[0])
    for text in (
        "the whole buffer of main",
        "a selection in main",
        "fn run() {}",
        "never saved anywhere",
        "what was said before",
        "a page that Zed fetched",
        "pub fn unsaved() {}",
        "line 7\nline 8\n",
        "line 9\n",
        "lib.rs (14 bytes)",
        "https://example.com/not-fetched",
        base64_of(DOT),
    ):
        assert written(text) in sent
    for text in ("line 6", "line 10", "pub fn x"):
        assert text not in sent
    assert [call["path"] for call in editor.agent.frames("fs/read_text_file")] == [
        str(stage.cwd / name) for name in ("src/lib.rs", "main.rs", "main.rs")
    ]
    assert session.text() == "seen"  # and no warning


async def test_files_sent_as_bytes_are_shown_read_or_named(
    stage: Stage, service: Service, open_editor: OpenEditor
) -> None:
    (stage.cwd / "shot.png").write_bytes(DOT)
    model = await stage.model("say: seen", service)
    session = await (await open_editor()).open()
    await send(
        session,
        blob("file:///x/picture", DOT),
        blob("file:///x/notes.md", "grüße".encode(), "text/markdown"),
        blob("file:///x/paper.pdf", b"%PDF\xff", "application/pdf"),
        acp.resource_link_block(name="shot", uri=(stage.cwd / "shot.png").as_uri()),
    )
    sent = conversation(model.requests[0])
    assert sent.count(base64_of(DOT)) == 2
    for text in ("grüße", "file:///x/paper.pdf", "application/pdf, 5 bytes"):
        assert written(text) in sent


async def test_a_picture_is_sent_as_what_it_is(
    stage: Stage, service: Service, open_editor: OpenEditor
) -> None:
    model = await stage.model("say: seen", service)
    session = await (await open_editor()).open()
    await send(session, acp.image_block(base64_of(DOT), "image/jpeg"))
    sent = conversation(model.requests[0])
    assert "image/png" in sent
    assert "image/jpeg" not in sent


async def test_nothing_outside_the_project_is_read(stage: Stage, open_editor: OpenEditor) -> None:
    secret = stage.cwd.parent / "secret.txt"
    secret.write_text("hunter2")
    model = await stage.model("say: seen")
    editor = await open_editor(files=True)
    editor.buffers[str(secret)] = "hunter2"
    session = await editor.open()
    await send(session, acp.resource_link_block(name="secret", uri=secret.as_uri()))
    assert "hunter2" not in conversation(model.requests[0])
    assert secret.as_uri() in conversation(model.requests[0])
    assert editor.agent.frames("fs/read_text_file") == []


async def test_a_loaded_session_shows_what_was_sent_and_knows_what_was_read(
    stage: Stage, open_editor: OpenEditor
) -> None:
    file = stage.cwd / "a.txt"
    file.write_text("as it was")
    model = await stage.model("say: seen")
    session = await (await open_editor()).open()
    await send(session, acp.text_block("look"), acp.resource_link_block(name="a.txt", uri=file.as_uri()))
    file.write_text("changed since")
    await session.close()

    again = await (await open_editor()).load(session.id)
    assert [update["content"] for update in again.updates("user_message_chunk")] == [
        {"type": "text", "text": "look"},
        {"type": "resource_link", "name": "a.txt", "uri": file.as_uri()},
    ]
    await again.ask("and?")
    before, after = (request.body["messages"] for request in model.requests)
    assert isinstance(before, list)
    assert isinstance(after, list)
    assert after[: len(before)] == before
    assert "as it was" in conversation(model.requests[1])


@pytest.mark.parametrize(
    ("block", "field"),
    [
        (acp.image_block("no base64", "image/png"), "prompt[1].data"),
        (acp.image_block(base64_of(b"II*\0"), "image/tiff"), "prompt[1].mimeType"),
        (acp.audio_block(base64_of(b"RIFF"), "audio/wav"), "prompt[1]"),
    ],
)
async def test_what_cannot_be_used_is_refused_by_name_and_the_session_goes_on(
    open_editor: OpenEditor, block: Any, field: str
) -> None:
    session = await (await open_editor("say: ok")).open()
    with pytest.raises(acp.RequestError) as caught:
        await send(session, acp.text_block("look"), block)
    assert caught.value.code == -32602
    assert f"`{field}`" in str(caught.value)
    assert session.updates("agent_message_chunk") == []
    assert await session.ask("without it") == "end_turn"


async def test_a_broken_picture_does_not_cost_the_turn(stage: Stage, open_editor: OpenEditor) -> None:
    model = await stage.model("say: seen")
    session = await (await open_editor()).open()
    assert await send(session, acp.text_block("look"), acp.image_block("AA==", "image/png")) == "end_turn"
    assert "attached and not shown: picture" in conversation(model.requests[0])
    assert session.text().startswith("Not given to the model: picture: ")


async def test_a_model_without_eyes_is_told_and_so_is_the_user(
    stage: Stage, service: Service, open_editor: OpenEditor
) -> None:
    model = await stage.model("say: seen", service)
    stage.home.mkdir()
    settings = f'[providers.{service}]\nmodels = [{{ id = "test-model", takes_images = false }}]\n'
    (stage.home / "config.toml").write_text(settings)
    session = await (await open_editor()).open()
    assert await send(session, acp.image_block(base64_of(DOT), "image/png")) == "end_turn"
    assert base64_of(DOT) not in conversation(model.requests[0])
    assert "[image omitted: this model takes no images]" in conversation(model.requests[0])
    assert session.text().startswith(f"The model `{service}/test-model` takes no images: ")


async def test_a_model_that_hears_is_sent_the_sound(stage: Stage, open_editor: OpenEditor) -> None:
    model = await stage.model("say: heard")
    stage.env["ACP_AGENT_MODEL"] = "openai/gpt-audio"
    session = await (await open_editor()).open()
    sound = base64_of(b"RIFF\0\0\0\0WAVE")
    assert await send(session, acp.audio_block(sound, "audio/wav")) == "end_turn"
    assert f'"input_audio": {{"data": "{sound}", "format": "wav"}}' in conversation(model.requests[0])


async def test_what_a_client_writes_beside_its_content_comes_back_with_it(
    stage: Stage, open_editor: OpenEditor
) -> None:
    await stage.model("say: seen")
    editor = await open_editor()
    session = await editor.open()
    note = {"client.example/origin": {"tab": 3}}
    blocks = [
        {"type": "text", "text": "look at this", "_meta": note},
        {"type": "resource_link", "uri": "https://example.org/a", "name": "a", "_meta": note},
    ]
    await editor.agent_request("session/prompt", {"sessionId": session.id, "prompt": blocks})
    await session.close()

    again = await (await open_editor()).load(session.id)
    assert [update["content"] for update in again.updates("user_message_chunk")] == blocks
