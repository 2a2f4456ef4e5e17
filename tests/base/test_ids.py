from __future__ import annotations

from acp_agent.base.clock import utc_now
from acp_agent.base.ids import counting_ids, random_id


def test_ids_begin_with_their_prefix_and_never_repeat() -> None:
    ids = {random_id("sess") for _ in range(1000)}
    assert len(ids) == 1000
    assert all(made.startswith("sess_") and len(made) == 37 and made.isascii() for made in ids)


def test_counted_ids_are_the_same_in_every_run() -> None:
    first, second = counting_ids(), counting_ids()
    assert [first("a"), first("b"), second("a")] == ["a_1", "b_2", "a_1"]


def test_time_is_aware_and_in_utc() -> None:
    offset = utc_now().utcoffset()
    assert offset is not None
    assert not offset
