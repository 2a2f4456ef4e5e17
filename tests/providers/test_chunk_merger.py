from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.providers.chunk_merger import ChunkMerger

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunked(*parts: bytes, trailer: bytes = b"") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n" + trailer + b"\r\n"


def fed(stream: bytes, cuts: list[int]) -> bytes:
    merger = ChunkMerger()
    at = [0, *sorted(cuts), len(stream)]
    return b"".join(merger.feed(stream[start:end]) for start, end in itertools.pairwise(at))


def content(stream: bytes) -> list[bytes]:
    """The bodies of the chunked responses in a stream, by the letter of RFC 9112 and without tolerance."""
    bodies: list[bytes] = []
    while stream:
        _, _, stream = stream.partition(b"\r\n\r\n")
        body = b""
        while True:
            size, _, stream = stream.partition(b"\r\n")
            n = int(size.partition(b";")[0], 16)
            if n == 0:
                break
            body, stream = body + stream[:n], stream[n:]
            assert stream[:2] == b"\r\n"
            stream = stream[2:]
        while True:
            line, _, stream = stream.partition(b"\r\n")
            if not line:
                break
        bodies.append(body)
    return bodies


BODIES = st.lists(st.lists(st.binary(min_size=1, max_size=20), max_size=5), min_size=1, max_size=3)


@given(BODIES, st.lists(st.integers(0, 600)))
def test_any_cut_keeps_the_content_of_every_response(bodies: list[list[bytes]], cuts: list[int]) -> None:
    stream = b"".join(HEAD + chunked(*parts) for parts in bodies)
    assert content(fed(stream, cuts)) == [b"".join(parts) for parts in bodies]


def test_chunks_that_arrive_together_become_one() -> None:
    assert fed(HEAD + chunked(b"ab", b"cd", b"e"), []) == HEAD + chunked(b"abcde")


def test_content_is_passed_on_before_its_chunk_is_complete() -> None:
    merger = ChunkMerger()
    assert merger.feed(HEAD + b"5\r\nab") == HEAD + b"2\r\nab\r\n"
    assert merger.feed(b"c") == b"1\r\nc\r\n"
    assert merger.feed(b"de\r") == b"2\r\nde\r\n"
    assert merger.feed(b"\n0\r\n\r\n") == b"0\r\n\r\n"


def test_informational_heads_come_before_the_real_one() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    assert fed(early + early + HEAD + chunked(b"a", b"b"), []) == early + early + HEAD + chunked(b"ab")


@pytest.mark.parametrize(
    "stream",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1\r\na\r",
        b"HTTP/1.1 200 OK\r\n\r\n1\r\na\r\n1\r\nb\r\n",
        b"garbage",
    ],
)
def test_what_is_not_chunked_goes_through(stream: bytes) -> None:
    for cuts in ([], list(range(0, len(stream), 7))):
        assert fed(stream, cuts) == stream


@pytest.mark.parametrize(
    "bad", [b"xyz\r\nabc", b"-1\r\na", b"\r\n", b"fffffffffffffffffff\r\na", b"1" * 5000, b"0x1\r\na"]
)
def test_broken_framing_is_left_for_the_client_to_judge(bad: bytes) -> None:
    assert fed(HEAD + b"1\r\na\r\n" + bad, []) == HEAD + b"1\r\na\r\n" + bad


def test_endless_head_goes_through() -> None:
    stream = b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000 + HEAD + chunked(b"a", b"b")
    assert fed(stream, list(range(0, len(stream), 8192))) == stream


def test_chunk_without_its_line_end_stays_wrong() -> None:
    assert fed(HEAD + b"1\r\nabb\r\n", []) == HEAD + b"1\r\nabb\r\n"


def test_chunk_extensions_and_trailers_are_understood() -> None:
    stream = HEAD + b"1;name=x\r\na\r\n1 \r\nb\r\n0\r\nX: y\r\n\r\n"
    assert fed(stream, []) == HEAD + b"2\r\nab\r\n0\r\nX: y\r\n\r\n"
