from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.providers.sse import EventTooLarge, SseEvent, SseParser


def parse(*chunks: bytes) -> list[SseEvent]:
    parser = SseParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [SseEvent(b"a")]),
        (b"data:a\n\n", [SseEvent(b"a")]),
        (b"data:  a\n\n", [SseEvent(b" a")]),
        (b"data: a\r\n\r\n", [SseEvent(b"a")]),
        (b"data: a\r\ndata: b\r\n\r\n", [SseEvent(b"a\nb")]),
        (b"data: a\r\rdata: b\r\r", [SseEvent(b"a"), SseEvent(b"b")]),
        (b"data: a\ndata: b\n\n", [SseEvent(b"a\nb")]),
        (b"data\ndata\n\n", [SseEvent(b"\n")]),
        (b"data:\n\n", [SseEvent(b"")]),
        (b"event: ping\ndata: a\n\ndata: b\n\n", [SseEvent(b"a", b"ping"), SseEvent(b"b")]),
        (b"event: ping\n\ndata: b\n\n", [SseEvent(b"b")]),
        (b"event\ndata: b\n\n", [SseEvent(b"b")]),
        (b": comment\n:\n\ndata: a\n: inside\n\n", [SseEvent(b"a")]),
        (b"id: 1\nretry: 10\nunknown: x\ndata: a\n\n", [SseEvent(b"a")]),
        (b"database: x\n\n", []),
        (b"\xef\xbb\xbfdata: a\n\n", [SseEvent(b"a")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),
        (b"data: \xe2\x82\xac\n\n", [SseEvent("€".encode())]),
        (b"data: a\n\ndata: unfinished\n", [SseEvent(b"a")]),
        (b"\n\n\n", []),
    ],
)
def test_stream_is_interpreted_as_the_standard_says(stream: bytes, events: list[SseEvent]) -> None:
    assert parse(stream) == events
    assert parse(*(stream[at : at + 1] for at in range(len(stream)))) == events


LINES = st.sampled_from(
    ["data: {}", "data:", "data", "event: e", ": c", "", "", "data: ü€😀", "id: 1", "\ufeff", "x"]
)


@given(
    st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r\n", "\r"]))),
    st.booleans(),
    st.lists(st.integers(0, 200)),
)
def test_any_chunking_gives_the_same_events(lines: list[tuple[str, str]], bom: bool, cuts: list[int]) -> None:
    stream = ("\ufeff" * bom + "".join(line + end for line, end in lines)).encode()
    at = [0, *sorted(cuts), len(stream)]
    chunks = [stream[start:end] for start, end in itertools.pairwise(at)]
    assert parse(*chunks) == parse(stream)


def test_event_larger_than_the_limit_is_refused_however_it_comes() -> None:
    for piece in (b"data: xxxxxxxx", b"data: xx\n"):
        parser = SseParser(max_event_bytes=100)
        with pytest.raises(EventTooLarge, match="100 bytes"):
            list(map(parser.feed, [piece] * 50))


def test_many_small_events_are_no_large_event() -> None:
    parser = SseParser(max_event_bytes=100)
    assert sum(len(parser.feed(b"data: 0123456789\n\n")) for _ in range(100)) == 100
