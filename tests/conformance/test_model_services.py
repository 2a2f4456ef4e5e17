"""The model server puts on the wire what the services do, and reads what their clients send back."""

from __future__ import annotations

import json

import httpx
import pytest

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.testing.model_requests import Message, Service, messages_of
from acp_agent.testing.model_server import ModelServer, serve_model

SCRIPT = """\
when: work
think: hm hm
say: a b
call: ls {"path": "."}
usage: 12 3
---
say: the tool said {result}
when: long
say: a
stop: max_tokens
when: refused
say: a
stop: refusal
when: half
say: a
error: 429 slow down
when: fail
error: 503 overloaded
"""
RESPONSES = "/v1/responses"
GEMINI = "/v1beta/models/test-model:streamGenerateContent?alt=sse"


async def answer(server: ModelServer, path: str, body: JsonObject) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.post(server.url + path, json=body)


def asks(path: str, text: str) -> JsonObject:
    """The smallest request with this prompt."""
    if path == RESPONSES:
        return {"model": "test-model", "stream": True, "input": text}
    return {"contents": [{"role": "user", "parts": [{"text": text}]}]}


async def events(path: str, text: str) -> list[tuple[str, JsonObject]]:
    """The events of the answer: their names, where the service names them, and their data."""
    async with serve_model(SCRIPT) as server:
        response = await answer(server, path, asks(path, text))
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    end = "\n\n" if path == RESPONSES else "\r\n\r\n"
    *blocks, rest = response.text.split(end)
    assert rest == ""
    found: list[tuple[str, JsonObject]] = []
    for block in blocks:
        *names, data = block.split("\n")
        found.append(
            (names[0].removeprefix("event: ") if names else "", json.loads(data.removeprefix("data: ")))
        )
    return found


async def test_responses_are_items_that_open_grow_and_close() -> None:
    found = await events(RESPONSES, "work")
    item = ("response.output_item.added", "response.output_item.done")
    summary = "response.reasoning_summary"
    assert [name for name, _ in found] == [
        *("response.created", "response.in_progress", item[0], f"{summary}_part.added"),
        *(f"{summary}_text.delta", f"{summary}_text.delta", f"{summary}_text.done", f"{summary}_part.done"),
        *(item[1], item[0], "response.content_part.added"),
        *("response.output_text.delta", "response.output_text.delta", "response.output_text.done"),
        *("response.content_part.done", item[1], item[0]),
        *("response.function_call_arguments.delta", "response.function_call_arguments.delta"),
        *("response.function_call_arguments.done", item[1], "response.completed"),
    ]
    assert [data["sequence_number"] for _, data in found] == [*range(len(found))]
    assert all(data["type"] == name for name, data in found)


async def test_the_whole_response_comes_last_with_its_items_and_usage() -> None:
    *_, (_, data) = await events(RESPONSES, "work")
    response = data["response"]
    assert isinstance(response, dict)
    output = response["output"]
    assert isinstance(output, list)
    assert [item["type"] for item in output if isinstance(item, dict)] == [
        "reasoning",
        "message",
        "function_call",
    ]
    assert output[2] == {
        "id": "fc_1_2",
        "type": "function_call",
        "status": "completed",
        "arguments": '{"path":"."}',
        "call_id": "call_1_0",
        "name": "ls",
    }
    assert (response["status"], response["incomplete_details"]) == ("completed", None)
    usage = response["usage"]
    assert isinstance(usage, dict)
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (12, 3, 15)


async def test_a_call_of_a_function_in_a_namespace_names_it() -> None:
    tools: list[JsonValue] = [{"type": "namespace", "name": "files", "tools": [{"name": "ls"}]}]
    async with serve_model(SCRIPT) as server:
        response = await answer(server, RESPONSES, {**asks(RESPONSES, "work"), "tools": tools})
    assert response.text.count('"name":"ls","namespace":"files"') == 3


@pytest.mark.parametrize(("text", "reason"), [("long", "max_output_tokens"), ("refused", "content_filter")])
async def test_a_response_that_was_cut_short_says_why(text: str, reason: str) -> None:
    *_, (name, data) = await events(RESPONSES, text)
    response = data["response"]
    assert isinstance(response, dict)
    assert (name, response["incomplete_details"]) == ("response.incomplete", {"reason": reason})


async def test_a_response_that_breaks_off_is_told_twice() -> None:
    *_, (first, error), (second, failed) = await events(RESPONSES, "half")
    assert (first, error["code"], error["message"]) == ("error", "rate_limit_exceeded", "slow down")
    response = failed["response"]
    assert isinstance(response, dict)
    assert (second, response["status"]) == ("response.failed", "failed")


async def test_gemini_sends_a_part_an_event_and_ends_without_a_mark() -> None:
    found = [data for _, data in await events(GEMINI, "work")]
    parts: list[JsonValue] = []
    for data in found:
        candidates = data["candidates"]
        assert isinstance(candidates, list)
        (candidate,) = candidates
        assert isinstance(candidate, dict)
        content = candidate["content"]
        assert isinstance(content, dict)
        assert content["role"] == "model"
        parts += content["parts"] if isinstance(content["parts"], list) else []
    call: JsonObject = {
        "functionCall": {"name": "ls", "args": {"path": "."}},
        "thoughtSignature": "c2lnbmF0dXJl",
    }
    thoughts: list[JsonObject] = [{"text": text, "thought": True} for text in ("hm", " hm")]
    assert parts == [*thoughts, {"text": "a"}, {"text": " b"}, call, {"text": ""}]
    assert {str(data["modelVersion"]) for data in found} == {"test-model"}
    assert "usageMetadata" not in found[0]
    usage = found[-1]["usageMetadata"]
    assert isinstance(usage, dict)
    assert (usage["promptTokenCount"], usage["candidatesTokenCount"], usage["totalTokenCount"]) == (12, 3, 15)


@pytest.mark.parametrize(
    ("text", "reason"), [("work", "STOP"), ("long", "MAX_TOKENS"), ("refused", "SAFETY")]
)
async def test_gemini_says_why_it_ended(text: str, reason: str) -> None:
    *_, (_, data) = await events(GEMINI, text)
    assert f'"finishReason": "{reason}"' in json.dumps(data)


async def test_gemini_escapes_what_its_own_clients_take_for_the_end_of_a_line() -> None:
    async with serve_model("say: it's <b>\u2028</b>") as server:
        response = await answer(server, GEMINI, asks(GEMINI, "x"))
    assert '"text":"it\\u0027s"' in response.text
    assert "\u2028" not in response.text


async def test_gemini_breaks_off_with_the_body_of_an_error() -> None:
    *_, (_, data) = await events(GEMINI, "half")
    assert data == {"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}}


@pytest.mark.parametrize(
    ("path", "error"),
    [
        (RESPONSES, {"message": "overloaded", "type": "server_error", "param": None, "code": None}),
        (GEMINI, {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}),
    ],
)
async def test_a_refusal_has_the_body_of_its_service(path: str, error: JsonObject) -> None:
    async with serve_model(SCRIPT) as server:
        response = await answer(server, path, asks(path, "fail"))
    assert (response.status_code, response.json()) == (503, {"error": error})


async def test_gemini_is_not_streamed_where_a_document_was_asked_for() -> None:
    async with serve_model(SCRIPT) as server:
        response = await answer(server, GEMINI.removesuffix("?alt=sse"), asks(GEMINI, "work"))
    assert response.status_code == 400


CONVERSATIONS: dict[Service, JsonObject] = {
    "chat": {
        "messages": [
            {"role": "system", "content": "be good"},
            {"role": "user", "content": "work"},
            {"role": "assistant", "content": "on it", "tool_calls": []},
            {"role": "tool", "tool_call_id": "1", "content": "rainy"},
        ]
    },
    "messages": {
        "system": "be good",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "work"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "on it"}, {"type": "tool_use"}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "rainy"}]},
        ],
    },
    "responses": {
        "instructions": "be good",
        "input": [
            {"role": "developer", "content": "be quick"},
            {"role": "user", "content": [{"type": "input_text", "text": "work"}]},
            {"type": "reasoning", "summary": []},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "on it"}]},
            {"type": "function_call", "call_id": "1", "name": "ls", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "1", "output": "rainy"},
        ],
    },
    "gemini": {
        "systemInstruction": {"parts": [{"text": "be good"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "work"}]},
            {
                "role": "model",
                "parts": [
                    {"text": "hm", "thought": True},
                    {"text": "on it"},
                    {"functionCall": {"name": "ls"}},
                ],
            },
            {
                "role": "user",
                "parts": [{"functionResponse": {"name": "ls", "response": {"output": "rainy"}}}],
            },
        ],
    },
}


@pytest.mark.parametrize("service", CONVERSATIONS)
def test_the_same_conversation_is_read_out_of_each_services_request(service: Service) -> None:
    assert messages_of(service, CONVERSATIONS[service]) == (
        Message("user", "work"),
        Message("assistant", "on it"),
        Message("tool", "rainy"),
    )


@pytest.mark.parametrize("path", [RESPONSES, GEMINI])
async def test_a_script_goes_on_behind_a_tools_result(path: str) -> None:
    service: Service = "responses" if path == RESPONSES else "gemini"
    async with serve_model(SCRIPT) as server:
        body: JsonObject = {"stream": True, **CONVERSATIONS[service]}
        response = await answer(server, path, body)
    (request,) = server.requests
    assert (request.prompt, request.result, request.n_answered) == ("work", "rainy", 1)
    assert "rainy" in response.text


CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"


def asks_for_a_document(path: str, text: str) -> JsonObject:
    if path == RESPONSES or path.endswith(":generateContent"):
        return {**asks(path, text), "stream": False}
    return {"model": "test-model", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}


WHOLE = GEMINI.replace("streamGenerateContent?alt=sse", "generateContent")
ARGUMENTS = {"path": "."}
CALL_TEXT = '{"path":"."}'


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (
            CHAT,
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "a b",
                    "refusal": None,
                    "annotations": [],
                    "reasoning_content": "hm hm",
                    "tool_calls": [
                        {
                            "id": "call_1_0",
                            "type": "function",
                            "function": {"name": "ls", "arguments": CALL_TEXT},
                        }
                    ],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
            },
        ),
        (
            MESSAGES,
            [
                {"type": "thinking", "thinking": "hm hm", "signature": "sig-0"},
                {"type": "text", "text": "a b"},
                {"type": "tool_use", "id": "call_1_0", "name": "ls", "input": ARGUMENTS},
            ],
        ),
        (
            WHOLE,
            [
                {"text": "hm", "thought": True},
                {"text": " hm", "thought": True},
                {"text": "a"},
                {"text": " b"},
                {
                    "functionCall": {"name": "ls", "args": ARGUMENTS},
                    "thoughtSignature": "c2lnbmF0dXJl",
                },
            ],
        ),
    ],
)
async def test_who_does_not_stream_gets_the_same_in_one_document(path: str, content: JsonValue) -> None:
    async with serve_model(SCRIPT) as server:
        response = await answer(server, path, asks_for_a_document(path, "work"))
    assert response.headers["content-type"] == "application/json"
    told = response.json()
    found = {
        CHAT: lambda: told["choices"][0],
        MESSAGES: lambda: told["content"],
        WHOLE: lambda: told["candidates"][0]["content"]["parts"],
    }[path]()
    assert found == content
    assert '"usage' in response.text


async def test_a_response_in_one_document_is_the_one_a_stream_ends_with() -> None:
    *_, (_, last) = await events(RESPONSES, "work")
    async with serve_model(SCRIPT) as server:
        response = await answer(server, RESPONSES, asks_for_a_document(RESPONSES, "work"))
    assert response.json() == last["response"]


@pytest.mark.parametrize("path", [CHAT, MESSAGES, RESPONSES, WHOLE])
async def test_what_fails_on_the_way_fails_whole_where_nothing_is_streamed(path: str) -> None:
    async with serve_model(SCRIPT) as server:
        response = await answer(server, path, asks_for_a_document(path, "half"))
    assert response.status_code == 429
    assert response.json()["error"]["message"] == "slow down"


async def test_no_two_replies_have_the_same_id() -> None:
    async with serve_model(SCRIPT) as server:
        texts = [(await answer(server, RESPONSES, asks(RESPONSES, "long"))).text for _ in range(2)]
    assert '"id":"resp_1"' in texts[0]
    assert '"id":"resp_2"' in texts[1]
