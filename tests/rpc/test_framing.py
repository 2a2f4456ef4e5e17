from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from acp_agent.rpc.framing import Frame, LineFramer, Oversized

LINES = st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line), max_size=8)


def frames_of(chunks: list[bytes], limit: int = 1000) -> list[Frame]:
    framer = LineFramer(limit)
    frames: list[Frame] = []
    for chunk in chunks:
        frames += framer.feed(chunk)
    return frames + framer.finish()


@given(LINES, st.data())
def test_the_same_lines_come_out_however_the_bytes_are_cut(lines: list[bytes], data: st.DataObject) -> None:
    text = b"\n".join(lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=10)))
    chunks = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert frames_of(chunks) == frames_of([text])


@given(LINES, st.integers(1, 30), st.data())
def test_lines_within_the_limit_survive_between_lines_beyond_it(
    lines: list[bytes], limit: int, data: st.DataObject
) -> None:
    text = b"\n".join(lines) + b"\n"
    cut = data.draw(st.integers(0, len(text)))
    expected: list[Frame] = []
    for line in lines:
        if len(line) > limit:
            expected.append(Oversized(limit))
        elif line.strip(b" \t\r") and not line.startswith(b"\xef\xbb\xbf"):
            expected.append(line.strip(b" \t\r"))
    if not any(line.startswith(b"\xef\xbb\xbf") for line in lines):
        assert frames_of([text[:cut], text[cut:]], limit) == expected


def test_carriage_returns_blank_lines_and_a_leading_byte_order_mark_are_dropped() -> None:
    assert frames_of([b'\xef\xbb\xbf{"a":1}\r\n\r\n  \n{"b":2}\n']) == [b'{"a":1}', b'{"b":2}']


def test_unicode_line_separators_do_not_end_a_line() -> None:
    line = '{"text":"a\u2028b\u0085c\x0bd"}'.encode()
    assert frames_of([line + b"\n"]) == [line]


def test_a_last_line_without_a_newline_is_delivered_at_the_end() -> None:
    assert frames_of([b'{"a":1}']) == [b'{"a":1}']


def test_an_endless_line_is_reported_before_it_ends_and_kept_in_no_memory() -> None:
    framer = LineFramer(100)
    assert framer.feed(b"x" * 101) == [Oversized(100)]
    for _ in range(1000):
        assert framer.feed(b"x" * 1000) == []
    assert framer.feed(b"\nok\n") == [b"ok"]
