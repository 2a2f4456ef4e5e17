"""The first line, answered before an event loop exists, or left unread for the peer."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Generator
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.rpc.stdio import Wire
from acp_agent.server.opening import MAX_FIRST_LINE, Opening, open_conversation
from acp_agent.surface.handshake import ClientOffer, initialize

INITIALIZE = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": 1}}


class Pipes(NamedTuple):
    wire: Wire
    client_write: int
    client_read: int


@pytest.fixture
def pipes() -> Generator[Pipes, None, None]:
    read_fd, client_write = os.pipe()
    client_read, write_fd = os.pipe()
    yield Pipes(Wire(read_fd, write_fd), client_write, client_read)
    for fd in (read_fd, write_fd, client_read):
        os.close(fd)


def converse(pipes: Pipes, *pieces: bytes) -> tuple[Opening, bytes]:
    """What the agent made of these pieces and the end of input, and what it answered."""

    def write() -> None:
        for piece in pieces:
            os.write(pipes.client_write, piece)
        os.close(pipes.client_write)

    writer = threading.Thread(target=write)
    writer.start()
    opening = open_conversation(pipes.wire)
    while os.read(pipes.wire.read_fd, 1024 * 1024):  # let the writer finish, whatever was not wanted
        pass
    writer.join()
    os.set_blocking(pipes.client_read, False)
    try:
        return opening, os.read(pipes.client_read, 1024 * 1024)
    except BlockingIOError:
        return opening, b""


def test_initialize_is_answered_and_what_follows_left_unread(pipes: Pipes) -> None:
    line = json.dumps(INITIALIZE).encode()
    opening, answer = converse(pipes, line + b"\nnext line\nhalf")
    assert opening == Opening(ClientOffer(), b"next line\nhalf")
    assert json.loads(answer) == {"jsonrpc": "2.0", "id": 0, "result": initialize({"protocolVersion": 1})[0]}
    assert answer.count(b"\n") == 1
    assert answer.endswith(b"\n")


@pytest.mark.parametrize("request_id", [0, -1, 2**60, "", "ü"])
def test_the_answer_carries_the_id_as_it_came(pipes: Pipes, request_id: object) -> None:
    _, answer = converse(pipes, json.dumps({**INITIALIZE, "id": request_id}).encode() + b"\r\n")
    assert json.loads(answer)["id"] == request_id


def test_a_line_that_arrives_in_pieces_is_one_line(pipes: Pipes) -> None:
    line = json.dumps(INITIALIZE).encode() + b"\n"
    opening, answer = converse(pipes, line[:10], line[10:11], line[11:])
    assert opening.offer == ClientOffer()
    assert answer


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        b"nonsense\n",
        b"[1]\n",
        b"null\n",
        b"\xff\n",
        b"[" * 100_000 + b"\n",
        json.dumps(INITIALIZE).encode(),
        json.dumps({**INITIALIZE, "jsonrpc": "1.0"}).encode() + b"\n",
        json.dumps({**INITIALIZE, "id": None}).encode() + b"\n",
        json.dumps({**INITIALIZE, "id": True}).encode() + b"\n",
        json.dumps({**INITIALIZE, "id": 1.5}).encode() + b"\n",
        json.dumps({**INITIALIZE, "method": "session/new"}).encode() + b"\n",
        json.dumps({**INITIALIZE, "extra": 1}).encode() + b"\n",
        json.dumps({**INITIALIZE, "params": {"protocolVersion": "1"}}).encode() + b"\n",
        json.dumps({**INITIALIZE, "params": None}).encode() + b"\n",
    ],
)
def test_anything_else_is_left_to_the_peer_untouched(pipes: Pipes, text: bytes) -> None:
    assert converse(pipes, text) == (Opening(None, text), b"")


def test_an_endless_first_line_is_given_up(pipes: Pipes) -> None:
    opening, answer = converse(pipes, b"x" * (MAX_FIRST_LINE * 2))
    assert (opening.offer, answer) == (None, b"")
    assert MAX_FIRST_LINE <= len(opening.unread) < MAX_FIRST_LINE * 2


def test_a_client_that_is_gone_before_the_answer_is_no_error() -> None:
    read_fd, client_write = os.pipe()
    client_read, write_fd = os.pipe()
    os.close(client_read)
    os.write(client_write, json.dumps(INITIALIZE).encode() + b"\n")
    os.close(client_write)
    try:
        assert open_conversation(Wire(read_fd, write_fd)).offer == ClientOffer()
    finally:
        os.close(read_fd)
        os.close(write_fd)


@given(
    st.binary(max_size=50)
    | st.dictionaries(st.sampled_from(sorted(INITIALIZE)), st.integers()).map(
        lambda value: json.dumps(value).encode()
    )
)
def test_no_first_line_can_make_it_fail(line: bytes) -> None:
    read_fd, client_write = os.pipe()
    client_read, write_fd = os.pipe()
    try:
        os.write(client_write, line + b"\n")
        os.close(client_write)
        assert open_conversation(Wire(read_fd, write_fd)) == Opening(None, line + b"\n")
    finally:
        for fd in (read_fd, client_read, write_fd):
            os.close(fd)
