"""What a client reads when the model's service fails, and that the next prompt works."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import acp
import pytest

from acp_agent.testing.model_server import in_order
from tests.interop.history import conversation
from tests.interop.stage import Frame, Service, Stage

if TYPE_CHECKING:
    from tests.interop.conftest import Conversation, OpenEditor

NEXT = "say: works again"
SOON = "header: retry-after-ms: 1"


class Failure(NamedTuple):
    """An error answer: its code, its message, the facts in its data."""

    code: int
    message: str
    data: Frame


async def failure(session: Conversation) -> Failure:
    with pytest.raises(acp.RequestError) as failed:
        await session.ask("hi")
    assert failed.value.data is not None
    return Failure(failed.value.code, str(failed.value), failed.value.data)


class Refusal(NamedTuple):
    reply: str
    code: int
    kind: str
    said: tuple[str, ...]


REFUSALS = (
    Refusal("error: 401 bad key", -32000, "unauthorized", ("401", "bad key", "doctor")),
    Refusal("error: 403 not yours", -32000, "unauthorized", ("403", "not yours")),
    Refusal("error: 404 no such model", -32603, "not_found", ("404", "no such model", "model id")),
    Refusal("error: 400 malformed thing", -32603, "invalid_request", ("400", "malformed thing")),
    Refusal(
        "body: text/html <title>Hotel login</title>",
        -32603,
        "bad_stream",
        ("text/html", "Hotel login", "base URL"),
    ),
)


async def test_a_refusal_is_not_retried_and_names_provider_status_and_remedy(
    stage: Stage, service: Service, open_editor: OpenEditor
) -> None:
    script = [reply for refusal in REFUSALS for reply in (refusal.reply, NEXT)]
    model = await stage.model(in_order(*script), service)
    session = await (await open_editor()).open()
    for number, (_, code, kind, said) in enumerate(REFUSALS):
        error = await failure(session)
        assert (error.code, error.data["kind"], error.data["provider"]) == (code, kind, service)
        assert [part for part in (service, *said) if part not in error.message] == []
        assert len(model.requests) == 2 * number + 1
        assert await session.ask("again") == "end_turn"
    assert session.text() == "works again" * len(REFUSALS)


async def test_a_rate_limit_is_waited_for_as_the_service_asks(
    stage: Stage, service: Service, open_editor: OpenEditor
) -> None:
    model = await stage.model(in_order("error: 429 slow down\nheader: retry-after: 0.01", NEXT), service)
    session = await (await open_editor()).open()
    assert await session.ask("hi") == "end_turn"
    assert session.text() == "works again"
    assert len(model.requests) == 2
    assert "slow down" in session.text("agent_thought_chunk")


async def test_exhausted_retries_are_told(stage: Stage, service: Service, open_editor: OpenEditor) -> None:
    failures = {500: "overloaded", 529: "overloaded", 429: "rate_limited"}
    script = [reply for status in failures for reply in (*[f"error: {status} tired\n{SOON}"] * 5, NEXT)]
    model = await stage.model(in_order(*script), service)
    session = await (await open_editor()).open()
    for number, (status, kind) in enumerate(failures.items()):
        error = await failure(session)
        assert len(model.requests) == 6 * number + 5
        assert (error.data["kind"], error.data["status"]) == (kind, status)
        assert "tired" in error.message
        assert await session.ask("again") == "end_turn"


async def test_a_connection_reset_before_any_output_is_retried(stage: Stage, open_editor: OpenEditor) -> None:
    await stage.model(in_order("reset", NEXT))
    session = await (await open_editor()).open()
    assert await session.ask("hi") == "end_turn"
    assert session.text() == "works again"


async def test_a_stream_that_breaks_after_text_is_an_error_and_the_text_stays(
    stage: Stage, service: Service, open_editor: OpenEditor
) -> None:
    endings = ("cut", "reset", "error: 529 overloaded now")
    script = [reply for ending in endings for reply in (f"say: Begun, then {ending[:5]}\n{ending}", NEXT)]
    model = await stage.model(in_order(*script), service)
    session = await (await open_editor()).open()
    for number, ending in enumerate(endings):
        error = await failure(session)
        assert service in error.message
        assert len(model.requests) == 2 * number + 1
        assert await session.ask("again") == "end_turn"
        assert session.text().endswith(f"Begun, then {ending[:5]}works again")
        assert f"Begun, then {ending[:5]}" in conversation(model.requests[-1])


async def test_a_stream_that_breaks_in_a_call_does_not_run_it(stage: Stage, open_editor: OpenEditor) -> None:
    call = 'call: write {"path": "x", "content": "y"}'
    await stage.model(in_order(f"say: I write.\n{call}\ncut", NEXT))
    session = await (await open_editor()).open()
    await failure(session)
    assert not (stage.cwd / "x").exists()
    assert await session.ask("again") == "end_turn"


async def test_a_service_that_is_not_there_is_named_with_its_address(open_editor: OpenEditor) -> None:
    editor = await open_editor(
        env={
            "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
            "OPENAI_API_KEY": "x",
            "ACP_AGENT_MODEL": "openai/test-model",
        }
    )
    session = await editor.open()
    error = await failure(session)
    assert error.data["kind"] == "unreachable"
    assert "127.0.0.1:9" in error.message


@pytest.mark.parametrize(
    ("name", "value"),
    [("MODEL", "no-such-provider"), ("MODE", "yolo"), ("SCRIPT", "/no/such/file")],
)
async def test_wrong_settings_are_told_to_the_client(open_editor: OpenEditor, name: str, value: str) -> None:
    editor = await open_editor(env={f"ACP_AGENT_{name}": f"{value}/x" if name == "MODEL" else value})
    with pytest.raises(acp.RequestError) as refused:
        await editor.open()
    assert value in str(refused.value)
