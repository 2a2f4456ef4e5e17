"""What OpenAI's Responses puts on the wire for one reply: named events, numbered, around output items."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from acp_agent.base.jsontext import JsonObject, JsonValue, dump
from acp_agent.model.chat import FinishReason, Usage
from acp_agent.testing.model_frames import halves, openai_error

if TYPE_CHECKING:
    from acp_agent.testing.model_frames import Dialect

_INCOMPLETE: dict[FinishReason, str] = {"max_tokens": "max_output_tokens", "refusal": "content_filter"}


class ResponsesDialect:
    """One reply; `body` is the request, some of which the service repeats in its answer."""

    def __init__(self, body: JsonObject, number: int) -> None:
        self._body = body
        self._number = number
        self._output: list[JsonValue] = []
        self._n_events = 0

    def opening(self) -> list[bytes]:
        """The response without output, twice."""
        return [
            self._event(name, response=self._response("in_progress"))
            for name in ("response.created", "response.in_progress")
        ]

    def thinking(self, pieces: Iterable[str]) -> list[bytes]:
        """A reasoning item with one summary."""
        text = "".join(kept := list(pieces))
        place: JsonObject = {"item_id": self._id("rs"), "output_index": len(self._output), "summary_index": 0}
        item: JsonObject = {"id": self._id("rs"), "type": "reasoning", "summary": []}
        part: JsonObject = {"type": "summary_text", "text": text}
        name = "response.reasoning_summary"
        return [
            self._added(item),
            self._event(f"{name}_part.added", place, part={**part, "text": ""}),
            *(self._event(f"{name}_text.delta", place, delta=piece) for piece in kept),
            self._event(f"{name}_text.done", place, text=text),
            self._event(f"{name}_part.done", place, part=part),
            self._done({**item, "summary": [part], "encrypted_content": f"sealed-{len(self._output)}"}),
        ]

    def text(self, pieces: Iterable[str]) -> list[bytes]:
        """A message item with one text."""
        text = "".join(kept := list(pieces))
        place: JsonObject = {
            "item_id": self._id("msg"),
            "output_index": len(self._output),
            "content_index": 0,
        }
        item: JsonObject = {
            "id": self._id("msg"),
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        part: JsonObject = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        name = "response.output_text"
        return [
            self._added(item),
            self._event("response.content_part.added", place, part={**part, "text": ""}),
            *(self._event(f"{name}.delta", place, delta=piece, logprobs=[]) for piece in kept),
            self._event(f"{name}.done", place, text=text, logprobs=[]),
            self._event("response.content_part.done", place, part=part),
            self._done({**item, "status": "completed", "content": [part]}),
        ]

    def call(self, call_id: str, name: str, arguments: str) -> list[bytes]:
        """A function call item."""
        place: JsonObject = {"item_id": self._id("fc"), "output_index": len(self._output)}
        item: JsonObject = {
            "id": self._id("fc"),
            "type": "function_call",
            "status": "in_progress",
            "arguments": "",
            "call_id": call_id,
            "name": name,
        }
        if namespace := self._namespace_of(name):
            item["namespace"] = namespace
        event = "response.function_call_arguments"
        return [
            self._added(item),
            *(self._event(f"{event}.delta", place, delta=part) for part in halves(arguments)),
            self._event(f"{event}.done", place, arguments=arguments),
            self._done({**item, "status": "completed", "arguments": arguments}),
        ]

    def closing(self, reason: FinishReason, usage: Usage) -> list[bytes]:
        """The whole response; no end mark follows."""
        response = self._whole(reason, usage)
        return [self._event(f"response.{response['status']}", response=response)]

    def document(self, reason: FinishReason, usage: Usage) -> bytes:
        """The whole response."""
        return dump(self._whole(reason, usage))

    def error_frame(self, status: int, message: str) -> bytes:
        """An `error` event, and the response that failed."""
        code = "rate_limit_exceeded" if status == 429 else "server_error"
        failed = self._response("failed")
        failed["error"] = {"code": code, "message": message}
        return self._event("error", code=code, message=message, param=None) + self._event(
            "response.failed", response=failed
        )

    def error_body(self, status: int, message: str) -> bytes:
        """An object under `error`."""
        return openai_error(status, message)

    def _whole(self, reason: FinishReason, usage: Usage) -> JsonObject:
        response = self._response("incomplete" if reason in _INCOMPLETE else "completed")
        if reason in _INCOMPLETE:
            response["incomplete_details"] = {"reason": _INCOMPLETE[reason]}
        response["usage"] = {
            "input_tokens": usage.input_tokens,
            "input_tokens_details": {
                "cached_tokens": usage.cache_read_tokens,
                "cache_write_tokens": usage.cache_write_tokens,
            },
            "output_tokens": usage.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage.input_tokens + usage.output_tokens,
        }
        return response

    def _response(self, status: str) -> JsonObject:
        return {
            "id": f"resp_{self._number}",
            "object": "response",
            "created_at": 1_700_000_000,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": None,
            "instructions": self._body.get("instructions"),
            "max_output_tokens": self._body.get("max_output_tokens"),
            "metadata": {},
            "model": self._body.get("model", ""),
            "output": [*self._output],
            "parallel_tool_calls": self._body.get("parallel_tool_calls", True),
            "previous_response_id": self._body.get("previous_response_id"),
            "reasoning": {"effort": None, "summary": None},
            "store": self._body.get("store", True),
            "temperature": 1.0,
            "text": {"format": {"type": "text"}},
            "tool_choice": self._body.get("tool_choice", "auto"),
            "tools": self._body.get("tools", []),
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": None,
            "user": None,
        }

    def _namespace_of(self, name: str) -> str:
        """The namespace in which the request offers a function; empty for one of its own."""
        for group in _objects(self._body.get("tools")):
            if any(tool.get("name") == name for tool in _objects(group.get("tools"))):
                return str(group.get("name", ""))
        return ""

    def _id(self, kind: str) -> str:
        return f"{kind}_{self._number}_{len(self._output)}"

    def _added(self, item: JsonObject) -> bytes:
        return self._event("response.output_item.added", output_index=len(self._output), item=item)

    def _done(self, item: JsonObject) -> bytes:
        frame = self._event("response.output_item.done", output_index=len(self._output), item=item)
        self._output.append(item)
        return frame

    def _event(self, name: str, place: JsonObject | None = None, **fields: JsonValue) -> bytes:
        number = self._n_events
        self._n_events += 1
        body: JsonObject = {"type": name, "sequence_number": number, **(place or {}), **fields}
        return b"event: " + name.encode() + b"\ndata: " + dump(body) + b"\n\n"


def _objects(value: JsonValue) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


if TYPE_CHECKING:
    _: type[Dialect] = ResponsesDialect
