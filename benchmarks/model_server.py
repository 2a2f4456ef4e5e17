"""A loopback model that speaks the OpenAI chat completions stream, byte for byte, and reports when it did.

Run as `python -m benchmarks.model_server`. The first line on stdout is `port N`; each later line is an event
and the value of the system-wide monotonic clock in nanoseconds. It stops when stdin closes.
The user's message selects what the model does:

    bench:echo        one delta, a pause, the end; events `received`, `first`, `last`
    bench:deltas:N    N deltas as fast as the socket takes them; the same events
    bench:tool        a call of `ls`; events `received`, `tool`, and `received` again with its result
    bench:stall       one delta, then silence until the agent hangs up; events `received`, `first`
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import threading
import time

PAUSE = 0.01
"""Seconds between the parts of an echo, long enough for a reader to be idle again."""

DELTA = "word "
_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-cache\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n"
)
_COMMAND = re.compile(r"bench:(echo|deltas|tool|stall)(?::(\d+))?")


def report(event: str) -> None:
    """Write an event with the present moment to stdout, in one piece."""
    os.write(1, f"{event} {time.perf_counter_ns()}\n".encode())


def _http_chunk(text: str) -> bytes:
    body = text.encode()
    return b"%x\r\n%b\r\n" % (len(body), body)


def _event(delta: dict[str, object], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    envelope = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1760000000,
        "model": "bench",
        "system_fingerprint": "fp_bench",
        "choices": [choice],
    }
    return _http_chunk(f"data: {json.dumps(envelope, separators=(',', ':'))}\n\n")


def _usage() -> bytes:
    counts = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}
    envelope: dict[str, object] = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1760000000,
        "model": "bench",
        "choices": [],
        "usage": counts,
    }
    return _http_chunk(f"data: {json.dumps(envelope, separators=(',', ':'))}\n\n")


_TOOL_CALL = {
    "index": 0,
    "id": "call_bench",
    "type": "function",
    "function": {"name": "ls", "arguments": '{"path":"."}'},
}
_ROLE = _event({"role": "assistant", "content": ""})
_WORD = _event({"content": DELTA})
_DONE = _usage() + _http_chunk("data: [DONE]\n\n") + b"0\r\n\r\n"
_END = _event({}, "stop") + _DONE
_TOOL = _event({"tool_calls": [_TOOL_CALL]})
_TOOL_END = _event({}, "tool_calls") + _DONE


def _command(body: bytes) -> tuple[str, int]:
    """What the newest user message asks for; a tool result in answer to it asks for a plain end."""
    messages: list[dict[str, object]] = json.loads(body)["messages"]
    if messages[-1]["role"] == "tool":
        return "echo", 0
    for message in reversed(messages):
        found = _COMMAND.search(json.dumps(message["content"])) if message["role"] == "user" else None
        if found is not None:
            return found[1], int(found[2] or 0)
    return "echo", 0


def _answer(connection: socket.socket, body: bytes) -> None:
    command, count = _command(body)
    connection.sendall(_HEAD + _ROLE)
    match command:
        case "deltas":
            words = _WORD * count
            report("first")
            connection.sendall(words)
            report("last")
            connection.sendall(_END)
        case "tool":
            connection.sendall(_TOOL)
            time.sleep(PAUSE)
            report("tool")
            connection.sendall(_TOOL_END)
        case "stall":
            report("first")
            connection.sendall(_WORD)
            while connection.recv(4096):
                pass
        case _:
            time.sleep(PAUSE)
            report("first")
            connection.sendall(_WORD)
            time.sleep(PAUSE)
            report("last")
            connection.sendall(_END)


def _converse(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = b""
    with connection:
        while True:
            while b"\r\n\r\n" not in buffer:
                received = connection.recv(65536)
                if not received:
                    return
                buffer += received
            head, _, buffer = buffer.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            size = int(length[1]) if length else 0
            while len(buffer) < size:
                buffer += connection.recv(65536)
            if head.startswith(b"POST"):
                report("received")
                _answer(connection, buffer[:size])
            else:
                body = b'{"object":"list","data":[{"id":"bench","object":"model"}]}'
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            buffer = buffer[size:]


def _serve_connection(connection: socket.socket) -> None:
    try:
        _converse(connection)
    except ConnectionError:
        report("hangup")


def _accept(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_serve_connection, args=(connection,), daemon=True).start()


def main() -> None:
    """Serve until stdin closes."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    os.write(1, f"port {listener.getsockname()[1]}\n".encode())
    threading.Thread(target=_accept, args=(listener,), daemon=True).start()
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
