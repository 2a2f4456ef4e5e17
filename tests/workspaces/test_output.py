"""The tail of an output, and the pace of its reports."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from acp_agent.workspaces.output import REPORT_INTERVAL, OutputTail, Throttle


@given(data=st.binary(max_size=200), cuts=st.lists(st.integers(0, 200)), limit=st.integers(1, 50))
def test_the_tail_does_not_depend_on_how_the_bytes_arrive(data, cuts, limit):
    tail = OutputTail(limit)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        tail.feed(data[start:end])
    tail.finish()
    whole = data.decode("utf-8", "replace")
    assert tail.text == whole[-limit:]
    assert tail.truncated == (len(whole) > limit)


def test_half_a_character_waits_for_its_other_half():
    tail = OutputTail(10)
    tail.feed("ä".encode()[:1])
    assert tail.text == ""
    tail.feed("ä".encode()[1:])
    assert tail.text == "ä"


def test_reports_keep_their_distance_and_none_is_lost():
    now = 0.0
    reports: list[float] = []
    throttle = Throttle(lambda: reports.append(now), lambda: now)
    assert throttle.due_in is None
    throttle.changed()
    throttle.changed()
    assert reports == [0.0]
    assert throttle.due_in == REPORT_INTERVAL
    now = REPORT_INTERVAL / 2
    throttle.changed()
    assert reports == [0.0]
    now = REPORT_INTERVAL
    assert throttle.due_in == 0.0
    throttle.changed()
    assert reports == [0.0, REPORT_INTERVAL]
    throttle.flush()
    assert reports == [0.0, REPORT_INTERVAL]
