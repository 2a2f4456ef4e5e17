"""What goes wrong between a model and us, over a real connection."""

from __future__ import annotations

import gzip
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from acp_agent.base.errors import ConfigError, ProviderFault
from acp_agent.model.chat import (
    FinishReason,
    FromUser,
    ModelDelta,
    ModelRequest,
    Retrying,
    StepFinished,
    TextDelta,
    Usage,
)
from acp_agent.model.content import Text
from acp_agent.model.session import ModelInfo
from acp_agent.ports import Provider
from acp_agent.providers import faults
from acp_agent.providers.http import HttpSettings
from acp_agent.providers.openai import OpenAIProvider
from acp_agent.providers.retry import RetryPolicy
from acp_agent.testing.model_server import in_order, serve_model
from tests.patience import PATIENCE

Connect = Callable[..., Provider]
Ask = Callable[..., Awaitable[Any]]
KEY = "sk-very-secret-key"
MODEL = ModelInfo("test/gpt-x", "GPT X")


def text(deltas: list[ModelDelta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


def retries(deltas: list[ModelDelta]) -> list[Retrying]:
    return [delta for delta in deltas if isinstance(delta, Retrying)]


@asynccontextmanager
async def answering(*answer: bytes) -> AsyncGenerator[str]:
    """A server that reads a request, writes these bytes and closes, which the model server never would."""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:

        async def serve(stream: SocketStream) -> None:
            async with stream:
                reader = BufferedByteReceiveStream(stream)
                head = await reader.receive_until(b"\r\n\r\n", 10_000)
                length = next(line for line in head.lower().split(b"\r\n") if b"content-length" in line)
                await reader.receive_exactly(int(length.partition(b":")[2]))
                with suppress(anyio.BrokenResourceError):
                    for part in answer:
                        await stream.send(part)
                        for _ in range(20):  # lets the client, in the same loop, read this part alone
                            await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as tg:
            tg.start_soon(listener.serve, serve)
            yield f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
            tg.cancel_scope.cancel()


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
async def test_passing_trouble_is_retried(
    service: str, status: int, connect: Connect, ask: Ask, sleeps: list[float]
) -> None:
    async with serve_model(f"fail: 2 {status} busy\nsay: fine") as server:
        answer = await ask(connect(service, server))
    assert answer.error is None
    assert text(answer.deltas) == "fine"
    assert [(told.attempt, told.delay) for told in retries(answer.deltas)] == [(1, 0.5), (2, 1.0)]
    assert f"answered {status}: busy" in retries(answer.deltas)[0].reason
    assert sleeps == [0.5, 1.0]
    assert len(server.requests) == 3
    assert server.requests[0].body == server.requests[2].body


async def test_trouble_that_stays_is_reported_after_four_retries(
    service: str, connect: Connect, ask: Ask, sleeps: list[float]
) -> None:
    async with serve_model("error: 529 Overloaded") as server:
        answer = await ask(connect(service, server))
    assert sleeps == [0.5, 1.0, 2.0, 4.0]
    assert len(server.requests) == 5
    assert (answer.error.fault, answer.error.status, answer.error.retryable) == ("overloaded", 529, True)
    assert answer.error.provider == "test"
    assert answer.error.hint


@pytest.mark.parametrize(
    ("status", "message", "fault"),
    [
        (400, "bad field", "invalid_request"),
        (400, "stream_options is not supported", "invalid_request"),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", "context_too_long"),
        (400, "This model's maximum context length is 8192 tokens", "context_too_long"),
        (401, "wrong key", "unauthorized"),
        (403, "no access", "unauthorized"),
        (404, "no such model", "not_found"),
        (413, "body too large", "context_too_long"),
        (422, "bad value", "invalid_request"),
    ],
)
async def test_refusals_are_final_and_quote_the_service(
    service: str, status: int, message: str, fault: ProviderFault, connect: Connect, ask: Ask
) -> None:
    async with serve_model(f"error: {status} {message}") as server:
        answer = await ask(connect(service, server))
    assert answer.deltas == []
    assert len(server.requests) == 1
    assert (answer.error.fault, answer.error.status, answer.error.retryable) == (fault, status, False)
    assert str(answer.error) == f"`test` answered {status}: {message}"


async def test_exhausted_quota_is_not_retried(connect: Connect, ask: Ask) -> None:
    body = b'{"error": {"message": "You exceeded your quota", "type": "x", "code": "insufficient_quota"}}'
    async with answering(b"HTTP/1.1 429 -\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)) as url:
        answer = await ask(connect("openai", url))
    assert (answer.error.fault, answer.error.retryable) == ("rate_limited", False)
    assert answer.deltas == []


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (["retry-after: 7"], [7.0]),
        (["retry-after-ms: 250", "retry-after: 7"], [0.25]),
        (["retry-after: Tue, 01 Jan 2030 00:00:20 GMT"], [20.0]),
        (["retry-after: nonsense"], [0.5]),
        (["retry-after: -3"], [0.5]),
        (["retry-after: nan"], [0.5]),
        (["retry-after: 61"], []),
        (["x-should-retry: false"], []),
    ],
)
async def test_service_decides_when_to_come_back(
    headers: list[str], expected: list[float], connect: Connect, ask: Ask, sleeps: list[float]
) -> None:
    lines = "\n".join(f"header: {header}" for header in headers)
    async with serve_model(in_order(f"{lines}\nerror: 429 slow down", "say: fine")) as server:
        answer = await ask(connect("openai", server))
    assert sleeps == expected
    assert (answer.error is None) == bool(expected)


async def test_service_may_ask_for_a_retry_of_a_refusal(connect: Connect, ask: Ask) -> None:
    async with serve_model(in_order("header: x-should-retry: true\nerror: 400 once", "say: fine")) as server:
        answer = await ask(connect("openai", server))
    assert text(answer.deltas) == "fine"


async def test_error_keeps_the_pause_that_was_asked_for(connect: Connect, ask: Ask) -> None:
    async with serve_model("header: retry-after: 3600\nerror: 429 slow down") as server:
        answer = await ask(connect("openai", server))
    assert answer.error.retry_after == 3600.0


@pytest.mark.parametrize("trouble", ["reset", "cut", "raw: : only a comment\\n\\n", "raw: data: [DO"])
async def test_stream_that_says_nothing_is_retried(
    service: str, trouble: str, connect: Connect, ask: Ask
) -> None:
    async with serve_model(in_order(trouble, "say: fine")) as server:
        answer = await ask(connect(service, server))
    assert text(answer.deltas) == "fine"
    assert len(retries(answer.deltas)) == 1


async def test_close_before_any_answer_is_retried(connect: Connect, ask: Ask, sleeps: list[float]) -> None:
    async with answering(b"") as url:
        answer = await ask(connect("openai", url))
    assert len(sleeps) == 4
    assert (answer.error.fault, answer.error.retryable, answer.error.status) == ("unreachable", True, None)


async def test_empty_answers_end_the_step_after_two_retries(
    service: str, connect: Connect, ask: Ask, sleeps: list[float]
) -> None:
    async with serve_model("usage: 5 0") as server:
        answer = await ask(connect(service, server))
    assert answer.error is None
    assert answer.deltas[-1] == StepFinished("stop", Usage(5, 0))
    assert len(sleeps) == 2


async def test_empty_refusal_is_an_answer(service: str, connect: Connect, ask: Ask) -> None:
    async with serve_model("stop: refusal") as server:
        answer = await ask(connect(service, server))
    assert answer.deltas == [StepFinished("refusal", Usage())]


@pytest.mark.parametrize("reason", ["stop", "max_tokens", "refusal"])
async def test_finish_reasons_are_told_apart(
    service: str, reason: FinishReason, connect: Connect, ask: Ask
) -> None:
    async with serve_model(f"say: so\nstop: {reason}") as server:
        answer = await ask(connect(service, server))
    assert answer.deltas[-1] == StepFinished(reason, Usage())


@pytest.mark.parametrize("trouble", ["cut", "reset"])
async def test_cut_after_text_keeps_the_text_and_is_never_retried(
    service: str, trouble: str, connect: Connect, ask: Ask, sleeps: list[float]
) -> None:
    async with serve_model(f"say: Half of\n{trouble}") as server:
        answer = await ask(connect(service, server))
    if trouble == "cut":
        assert text(answer.deltas) == "Half of"
    assert (answer.error.fault, answer.error.retryable) == ("bad_stream", True)
    assert sleeps == []


async def test_error_event_after_text_is_reported_with_its_kind(
    service: str, connect: Connect, ask: Ask, sleeps: list[float]
) -> None:
    async with serve_model("say: Half of\nerror: 529 Overloaded") as server:
        answer = await ask(connect(service, server))
    assert text(answer.deltas) == "Half of"
    assert (answer.error.fault, answer.error.retryable) == ("overloaded", True)
    assert "Overloaded" in str(answer.error)
    assert sleeps == []


async def test_error_event_before_text_is_retried(connect: Connect, ask: Ask) -> None:
    error = '{"type": "error", "error": {"type": "overloaded_error", "message": "x"}}'
    async with serve_model(in_order(f"raw: event: error\\ndata: {error}\\n\\n", "say: fine")) as server:
        answer = await ask(connect("anthropic", server))
    assert text(answer.deltas) == "fine"


@pytest.mark.parametrize(
    ("data", "quoted"),
    [
        ('{"error": {"message": "no memory", "type": "server_error"}}', "no memory"),
        ('{"error": "no memory"}', "no memory"),
        ('{"error": {}}', "no reason given"),
    ],
)
async def test_error_objects_in_a_chat_stream_are_errors(
    data: str, quoted: str, connect: Connect, ask: Ask
) -> None:
    async with serve_model(f"say: a\nraw: data: {data}\\n\\n") as server:
        answer = await ask(connect("openai", server))
    assert quoted in str(answer.error)


@pytest.mark.parametrize("event", ["data: {", "data: []", 'data: {"type": 1, "choices": 2}'])
async def test_nonsense_event_is_a_clear_error(
    service: str, event: str, connect: Connect, ask: Ask, sleeps: list[float]
) -> None:
    async with serve_model(f"raw: {event}\\n\\n") as server:
        answer = await ask(connect(service, server))
    assert (answer.error.fault, answer.error.retryable) == ("bad_stream", False)
    assert event.removeprefix("data: ") in str(answer.error)
    assert sleeps == []


@pytest.mark.parametrize(
    ("document", "quoted"),
    [
        ("text/html <html><title>Sign in</title><body>x", "`text/html` instead of an event stream: Sign in"),
        ("text/html <p>Some <b>words</b></p>", "Some words"),
        ('application/json {"error": {"message": "wrong path"}}', "wrong path"),
        ('application/json {"choices": []}', "`application/json`"),
    ],
)
async def test_document_instead_of_a_stream_is_quoted(
    service: str, document: str, quoted: str, connect: Connect, ask: Ask, sleeps: list[float]
) -> None:
    async with serve_model(f"body: {document}") as server:
        answer = await ask(connect(service, server))
    assert quoted in str(answer.error)
    assert (answer.error.fault, answer.error.status, answer.error.retryable) == ("bad_stream", 200, False)
    assert sleeps == []


async def test_long_error_page_is_quoted_in_part(connect: Connect, ask: Ask) -> None:
    async with serve_model("error: 400 " + "long " * 20_000) as server:
        answer = await ask(connect("openai", server))
    assert len(str(answer.error)) < 600


async def test_stream_with_a_wrong_content_type_is_read(service: str, connect: Connect, ask: Ask) -> None:
    async with serve_model("header: Content-Type: text/plain\nsay: fine") as server:
        answer = await ask(connect(service, server))
    assert text(answer.deltas) == "fine"


@pytest.mark.parametrize("chunk_bytes", [1, 7, 100])
async def test_stream_may_be_cut_anywhere(service: str, chunk_bytes: int, connect: Connect, ask: Ask) -> None:
    script = 'think: hm\nsay: zwölf € 😀\ncall: read {"path": "ä"}\nusage: 3 4'
    async with serve_model(script) as server:
        whole = await ask(connect(service, server))
    async with serve_model(script, chunk_bytes=chunk_bytes) as server:
        cut = await ask(connect(service, server))
    assert text(whole.deltas) == "zwölf € 😀"
    assert cut.deltas == whole.deltas
    assert cut.error is None


async def test_framing_that_arrives_in_parts_is_no_end(connect: Connect, ask: Ask) -> None:
    event = b'data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\n'
    head = b"HTTP/1.1 200 -\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    size = b"%x\r\n" % len(event)
    async with answering(head, size[:1], size[1:3], size[3:] + event, b"\r", b"\n", b"0\r\n\r\n") as url:
        answer = await ask(connect("openai", url))
    assert (text(answer.deltas), answer.error) == ("hi", None)
    assert retries(answer.deltas) == []


async def test_compressed_stream_is_read(connect: Connect, ask: Ask) -> None:
    stream = b'data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    body = gzip.compress(stream)
    head = b"HTTP/1.1 200 -\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n"
    async with answering(head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)) as url:
        answer = await ask(connect("openai", url))
    assert text(answer.deltas) == "hi"


async def test_damaged_compression_is_a_clear_error(connect: Connect, ask: Ask) -> None:
    head = b"HTTP/1.1 200 -\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n"
    async with answering(head + b"Content-Length: 7\r\n\r\nno gzip") as url:
        answer = await ask(connect("openai", url))
    assert (answer.error.fault, answer.error.retryable) == ("bad_stream", False)


async def test_endless_answer_is_stopped(service: str, connect: Connect, ask: Ask) -> None:
    async with serve_model("flood: 5000") as server:
        answer = await ask(connect(service, server, max_answer_bytes=100_000))
    assert answer.deltas
    assert "larger than 100000 bytes" in str(answer.error)
    assert (answer.error.fault, answer.error.retryable) == ("bad_stream", False)


async def test_endless_event_is_stopped(connect: Connect, ask: Ask) -> None:
    head = b"HTTP/1.1 200 -\r\nContent-Type: text/event-stream\r\n\r\n"
    async with answering(head + b"data: " + b"x" * (17 * 1024 * 1024)) as url:
        answer = await ask(connect("openai", url))
    assert "one event is larger" in str(answer.error)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirect_on_the_same_server_is_followed(status: int, connect: Connect, ask: Ask) -> None:
    there = "header: Location: /v1/chat/completions\n"
    async with serve_model(in_order(f"{there}error: {status} moved", "say: fine")) as server:
        answer = await ask(connect("openai", server))
    assert text(answer.deltas) == "fine"
    assert server.requests[1].headers["authorization"] == f"Bearer {KEY}"


async def test_redirect_elsewhere_never_carries_the_key(
    connect: Connect, ask: Ask, sleeps: list[float]
) -> None:
    async with serve_model("say: got you") as thief:
        location = f"header: Location: {thief.openai_url}/chat/completions\n"
        async with serve_model(f"{location}error: 307 moved") as server:
            answer = await ask(connect("openai", server))
        assert thief.requests == []
    assert "redirects to another server" in str(answer.error)
    assert answer.error.hint
    assert sleeps == []


@pytest.mark.parametrize("location", ["/v1/chat/completions", "http://[", "http://127.0.0.1:x/"])
async def test_redirects_that_lead_nowhere_end(location: str, connect: Connect, ask: Ask) -> None:
    async with serve_model(f"header: Location: {location}\nerror: 307 moved") as server:
        answer = await ask(connect("openai", server))
    assert answer.error.status in (307, None)
    assert len(server.requests) <= 5


async def test_server_that_is_not_started_is_told_at_once(
    service: str, connect: Connect, ask: Ask, sleeps: list[float]
) -> None:
    async with serve_model("say: x") as server:
        url = server.url
    answer = await ask(connect(service, url))
    assert (answer.error.fault, answer.error.retryable) == ("unreachable", False)
    assert url in str(answer.error)
    assert sleeps == []


def test_untrusted_certificate_is_final_and_says_what_to_set() -> None:
    why = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate"
    error = faults.unreachable("test", "https://x:443", why, retryable=True)
    assert (error.fault, error.retryable) == ("unreachable", False)
    assert "SSL_CERT_FILE" in error.hint


async def test_host_that_cannot_exist_is_a_setting_error(
    connect: Connect, ask: Ask, sleeps: list[float]
) -> None:
    answer = await ask(connect("openai", "http://127.0.0.999/v1"))
    assert (answer.error.fault, answer.error.retryable) == ("not_configured", False)
    assert sleeps == []


async def test_what_follows_the_end_is_ignored(connect: Connect, ask: Ask) -> None:
    end = '{"choices": [{"delta": {"content": "hi"}, "finish_reason": "stop"}]}'
    done = "data: [DONE]\\n\\n"
    async with serve_model(f"raw: data: {end}\\n\\n{done}data: {end}\\n\\n{done}") as server:
        answer = await ask(connect("openai", server))
    assert answer.deltas == [TextDelta("hi"), StepFinished("stop", Usage())]


async def test_silence_before_the_answer_times_out(service: str, connect: Connect, ask: Ask) -> None:
    async with serve_model("wait") as server:
        answer = await ask(connect(service, server, first_byte_timeout=0.01))
    assert (answer.error.fault, answer.error.retryable) == ("timeout", True)
    assert len(server.requests) <= 1


async def test_silence_within_the_answer_times_out(
    service: str, connect: Connect, ask: Ask, sleeps: list[float]
) -> None:
    async with serve_model("say: and\nwait") as server:
        answer = await ask(connect(service, server, idle_timeout=0.05))
    assert text(answer.deltas) == "and"
    assert (answer.error.fault, answer.error.retryable) == ("timeout", True)
    assert sleeps == []


@pytest.mark.parametrize("script", ["wait", "say: and\nwait"])
async def test_cancel_in_a_stall_closes_the_connection(service: str, script: str, connect: Connect) -> None:
    async with serve_model(script) as server:
        provider = connect(service, server)

        async def listen() -> None:
            async with aclosing(provider.stream(request())) as deltas:
                async for _ in deltas:
                    pass

        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as tg:
                tg.start_soon(listen)
                while not server.requests:
                    await anyio.lowlevel.checkpoint()
                tg.cancel_scope.cancel()
            await server.abandoned.wait()


async def test_leaving_a_stream_early_closes_the_connection(service: str, connect: Connect) -> None:
    async with serve_model("say: one two three\nwait") as server:
        with anyio.fail_after(PATIENCE):
            async with aclosing(connect(service, server).stream(request())) as deltas:
                assert await anext(deltas) == TextDelta("one")
            await server.abandoned.wait()


async def test_cancel_in_backoff_is_immediate() -> None:
    slept = anyio.Event()

    async def sleep(_: float) -> None:
        slept.set()
        await anyio.sleep_forever()

    async with serve_model("error: 500 x") as server:
        provider = OpenAIProvider("test", server.openai_url, KEY, (MODEL,), http=HttpSettings(sleep=sleep))

        async def listen() -> None:
            async with aclosing(provider.stream(request())) as deltas:
                async for _ in deltas:
                    pass

        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as tg:
                tg.start_soon(listen)
                await slept.wait()
                tg.cancel_scope.cancel()
        assert len(server.requests) == 1
        await provider.aclose()


async def test_complete_answer_leaves_the_connection_for_the_next_request(
    service: str, connect: Connect, ask: Ask
) -> None:
    async with serve_model("say: x") as server:
        provider = connect(service, server)
        for _ in range(3):
            assert text((await ask(provider)).deltas) == "x"
    assert server.n_connections == 1


async def test_connection_kept_open_after_the_end_does_not_delay_it(connect: Connect) -> None:
    end = '{"choices": [{"delta": {"content": "hi"}, "finish_reason": "stop"}]}'
    async with serve_model(f"raw: data: {end}\\n\\ndata: [DONE]\\n\\n\nwait") as server:
        with anyio.fail_after(PATIENCE):
            deltas = [delta async for delta in connect("openai", server, idle_timeout=100).stream(request())]
    assert deltas == [TextDelta("hi"), StepFinished("stop", Usage())]


async def test_key_echoed_by_the_service_is_not_repeated(service: str, connect: Connect, ask: Ask) -> None:
    async with serve_model(f"error: 401 Incorrect API key provided: {KEY}") as server:
        answer = await ask(connect(service, server))
    assert KEY not in str(answer.error)
    assert "[redacted]" in str(answer.error)
    assert answer.error.fault == "unauthorized"


async def test_key_in_a_retried_error_is_not_repeated(connect: Connect, ask: Ask) -> None:
    async with serve_model(f"fail: 1 500 {KEY}\nsay: x") as server:
        answer = await ask(connect("openai", server))
    assert KEY not in retries(answer.deltas)[0].reason


@pytest.mark.parametrize("key", ["sk-a\nb", "sk-ä", " sk-x", "sk-x\r"])
def test_key_that_cannot_be_sent_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        OpenAIProvider("test", "http://localhost", key, (MODEL,))
    assert key not in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:11434/v1",
        "ftp://x",
        "file:///etc",
        "http://",
        "https://u:p@x",
        "http://x:99999",
        "http://x\n",
    ],
)
def test_base_url_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="base URL"):
        OpenAIProvider("test", url, None, (MODEL,))


def test_header_name_that_cannot_be_sent_is_refused() -> None:
    with pytest.raises(ConfigError, match="header"):
        OpenAIProvider("test", "http://x", None, (MODEL,), (("a b", "c"),))


async def test_no_retries_can_be_configured(connect: Connect, ask: Ask, sleeps: list[float]) -> None:
    for script in ("error: 500 x", "usage: 1 0"):
        async with serve_model(script) as server:
            await ask(connect("openai", server, retry=RetryPolicy(max_retries=0)))
        assert len(server.requests) == 1
    assert sleeps == []


async def test_prepared_provider_answers(service: str, connect: Connect, ask: Ask) -> None:
    async with serve_model("say: x") as server:
        provider = connect(service, server)
        await provider.prepare()
        await provider.prepare()
        assert text((await ask(provider)).deltas) == "x"
        await provider.aclose()
        assert text((await ask(provider)).deltas) == "x"


def request() -> ModelRequest:
    return ModelRequest(MODEL, "", (FromUser((Text("hi"),)),))
