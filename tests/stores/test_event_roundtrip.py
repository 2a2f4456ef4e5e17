"""Any event comes back equal, from its stored form and through a store."""

import tempfile
import typing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from acp_agent.base.errors import StoreCorrupt
from acp_agent.base.ids import SessionId
from acp_agent.model import events
from acp_agent.model.codec import decode_event, encode_event
from acp_agent.model.session import SessionRecord
from acp_agent.stores.sqlite import SqliteStore

ARMS = typing.get_args(events.Event)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
INTEGERS = st.integers(-(2**63), 2**64 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | INTEGERS | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def values_of(kind: inspect.Type) -> st.SearchStrategy:
    """Values a field of this type can hold; new types of field must be added here on purpose."""
    match kind:
        case inspect.AnyType():
            return JSON
        case inspect.NoneType():
            return st.none()
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            return INTEGERS
        case inspect.FloatType():
            return FLOATS
        case inspect.StrType():
            return TEXT
        case inspect.DateTimeType():
            return st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
        case inspect.UnionType():
            return st.one_of([values_of(arm) for arm in kind.types])
        case inspect.VarTupleType():
            return st.lists(values_of(kind.item_type), max_size=3).map(tuple)
        case inspect.DictType():
            return st.dictionaries(values_of(kind.key_type), values_of(kind.value_type), max_size=3)
        case inspect.StructType():
            fields = {
                field.name: values_of(field.type)
                | (st.just(field.default) if field.default is not msgspec.NODEFAULT else st.nothing())
                for field in kind.fields
            }
            return st.builds(kind.cls, **fields)
        case _:
            raise NotImplementedError(kind)


EVENTS = {arm: values_of(inspect.type_info(arm)) for arm in ARMS}


@pytest.mark.parametrize("arm", ARMS)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_stored_event_decodes_to_an_equal_event(arm, data):
    event = data.draw(EVENTS[arm])
    text = encode_event(event)
    assert decode_event(text) == event
    assert b"\n" not in text


@given(journal=st.lists(st.one_of(*EVENTS.values()), max_size=12))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_journal_comes_back_equal_from_a_reopened_store(journal):
    with tempfile.TemporaryDirectory() as directory:
        store = SqliteStore(Path(directory) / "sessions.db")
        now = datetime(2024, 1, 1, tzinfo=UTC)
        await store.create(SessionRecord(SessionId("s"), "/x", now, now))
        await store.append(SessionId("s"), journal[:5])
        await store.append(SessionId("s"), journal[5:])
        await store.aclose()
        assert [event async for event in store.read(SessionId("s"))] == journal
        await store.aclose()


@given(text=st.binary(max_size=60) | JSON.map(msgspec.json.encode))
def test_anything_else_is_reported_as_corrupt(text):
    with pytest.raises(StoreCorrupt, match="unreadable event"):
        decode_event(text)
