"""What is remembered: relevance, search, tiers, secrets."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.errors import StoreError
from acp_agent.base.ids import counting_ids
from acp_agent.engine.memory.relevance import (
    Weights,
    best_matches,
    important,
    newest,
    relevance,
    tagged,
    words_of,
)
from acp_agent.engine.memory.tiers import MAX_CONTENT, USUAL, Memory, MemoryConfig
from acp_agent.model.context import ContextNews, MemoriesSearched, MemoryCleared, MemoryRecalled, MemoryStored
from acp_agent.model.memory import MemoryItem
from acp_agent.stores.memories import InMemoryStore
from tests.engine.conftest import NOW, ticking_clock

SHARES = st.floats(0, 1)
AGES = st.floats(0, 10_000)


def item(
    name: str, text: str = "", *, importance: float = 0.5, age_days: float = 0, tags: str = ""
) -> MemoryItem:
    return MemoryItem(
        id=name,
        content=text,
        memory_type="semantic",
        importance=importance,
        timestamp=NOW - timedelta(days=age_days),
        tags=tuple(tags.split()),
    )


def memory(
    store: InMemoryStore | None = None, config: MemoryConfig = USUAL
) -> tuple[Memory, list[ContextNews]]:
    told: list[ContextNews] = []
    clock = ticking_clock()
    made = Memory(
        store or InMemoryStore(clock=clock),
        config=config,
        clock=clock,
        new_id=counting_ids(),
        tell=told.append,
    )
    return made, told


def ids(items: list[MemoryItem]) -> list[str]:
    return [one.id for one in items]


# Relevance


@pytest.mark.parametrize(
    ("importance", "age_days", "score"),
    [(1, 0, 1.0), (0, 0, 0.3), (0.8, 30, 0.56 + 0.3 / math.e), (0.9, 365, 0.63)],
)
def test_relevance_is_importance_and_age(importance: float, age_days: float, score: float) -> None:
    assert relevance(item("a", importance=importance, age_days=age_days), NOW) == pytest.approx(
        score, abs=1e-4
    )


@given(SHARES, AGES, AGES)
def test_relevance_is_a_share_and_falls_with_age(importance: float, one: float, other: float) -> None:
    young, old = sorted((one, other))
    scores = [relevance(item("a", importance=importance, age_days=age), NOW) for age in (young, old)]
    assert 0 <= scores[1] <= scores[0] <= 1 + 1e-9


@given(SHARES, SHARES, AGES)
def test_relevance_rises_with_importance(one: float, other: float, age: float) -> None:
    less, more = sorted((one, other))
    scores = [relevance(item("a", importance=share, age_days=age), NOW) for share in (less, more)]
    assert scores[0] <= scores[1]


def test_what_lies_in_the_future_is_as_new_as_now() -> None:
    assert relevance(item("a", importance=0, age_days=-5), NOW) == pytest.approx(0.3)


def test_weights_can_be_others() -> None:
    weights = Weights(importance=0.0, recency=1.0, decay_days=1.0)
    assert relevance(item("a", importance=1, age_days=1), NOW, weights) == pytest.approx(1 / math.e)


# Search


def test_words_tell_texts_apart() -> None:
    assert words_of("Please fix the FAILING parse_config test in it") == {
        "fix",
        "failing",
        "parse_config",
        "test",
    }


def test_what_shares_more_words_is_found_first_and_what_shares_none_is_not_found() -> None:
    items = [item("one", "fix the parser"), item("two", "fix the parser of configs"), item("three", "paint")]
    assert ids(best_matches(items, "fix parser configs", 5, now=NOW)) == ["two", "one"]


def test_of_equally_fitting_memories_the_more_relevant_comes_first() -> None:
    items = [item("old", "parser", age_days=60), item("new", "parser"), item("main", "parser", importance=1)]
    assert ids(best_matches(items, "parser", 5, now=NOW)) == ["main", "new", "old"]


def test_tags_are_words_too_and_can_be_asked_for_whatever_their_case() -> None:
    items = [item("a", "x", tags="Build ci"), item("b", "x", tags="docs")]
    assert ids(best_matches(items, "build", 5, now=NOW)) == ["a"]
    assert ids(tagged(items, ["BUILD"], 5, now=NOW)) == ["a"]
    assert tagged(items, [], 5, now=NOW) == []


def test_the_newest_and_the_most_important() -> None:
    items = [
        item("a", age_days=2, importance=0.9),
        item("b", age_days=1, importance=0.2),
        item("c", importance=0.5),
    ]
    assert ids(newest(items, 2)) == ["c", "b"]
    assert ids(important(items, 0.5, 5)) == ["a", "c"]


@given(
    st.lists(st.tuples(SHARES, AGES, st.text("ab c", max_size=8)), max_size=8), st.text("ab c", max_size=9)
)
def test_every_search_gives_some_of_the_items_each_once(
    made: list[tuple[float, float, str]], query: str
) -> None:
    items = [
        item(str(number), text, importance=share, age_days=age)
        for number, (share, age, text) in enumerate(made)
    ]
    for limit in (0, 3):
        for found in (
            best_matches(items, query, limit, now=NOW),
            newest(items, limit),
            important(items, 0.5, limit),
        ):
            assert len(found) <= limit
            assert len(set(ids(found))) == len(found)
            assert set(ids(found)) <= set(ids(items))


# Tiers


async def test_a_success_is_procedural_and_a_failure_episodic() -> None:
    made, told = memory()
    success = await made.remember_success("fix the test", ["read", "edit"], "it passes")
    failure = await made.remember_failure("deploy", "no network", ["bash"])
    assert (success.memory_type, success.importance, success.tags) == (
        "procedural",
        0.8,
        ("success", "read", "edit"),
    )
    assert (failure.memory_type, failure.importance, failure.tags) == ("episodic", 0.9, ("failure", "bash"))
    assert success.content == "Done: fix the test\nTools: read, edit\nResult: it passes"
    assert failure.content == "Failed: deploy\nTools: bash\nError: no network"
    assert told == [
        MemoryStored(success.id, "procedural", 0.8, success.tags),
        MemoryStored(failure.id, "episodic", 0.9, failure.tags),
    ]
    assert await made.store.count() == 2


async def test_working_memory_is_never_kept_for_good() -> None:
    made, _ = memory()
    await made.remember("the port is 8080", "working", 0.5)
    assert (await made.store.count(), len(made.working), made.short_term) == (0, 1, ())
    assert [one.content for one in await made.recall_similar("which port", 5)] == ["the port is 8080"]


async def test_each_tier_has_room_for_so_much_and_the_oldest_goes() -> None:
    made, _ = memory(config=MemoryConfig(max_working=2, max_short_term=3))
    for number in range(5):
        await made.remember(f"w{number}", "working", 0.5)
        await made.remember(f"s{number}", "semantic", 0.5)
    assert [one.content for one in made.working] == ["w3", "w4"]
    assert [one.content for one in made.short_term] == ["s2", "s3", "s4"]
    assert await made.store.count() == 5


@given(st.lists(st.sampled_from(["working", "semantic", "episodic"]), max_size=30))
async def test_no_tier_outgrows_its_room(kinds: list[str]) -> None:
    made, _ = memory(config=MemoryConfig(max_working=3, max_short_term=4))
    for number, kind in enumerate(kinds):
        await made.remember(f"{kind} {number}", kind, 0.5)  # type: ignore[arg-type]
        assert len(made.working) <= 3
        assert len(made.short_term) <= 4
    assert await made.store.count() == len([kind for kind in kinds if kind != "working"])


def test_the_usual_rooms_are_those_that_are_recorded() -> None:
    usual = MemoryConfig()
    assert (usual.max_working, usual.max_short_term, usual.max_recalled) == (10, 100, 5)


async def test_what_says_the_same_is_kept_once_and_keeps_its_recalls() -> None:
    made, _ = memory()
    first = await made.remember_success("mend the parser", ["edit"], "it parses")
    await made.note_recall([first])
    again = await made.remember_success("mend the parser", ["edit"], "it parses")
    other = await made.remember_success("mend the parser", ["edit"], "it parses faster")
    assert (again.id, again.access_count, again.timestamp > first.timestamp) == (first.id, 1, True)
    assert [one.id for one in made.short_term] == [first.id, other.id]
    assert await made.store.count() == 2
    assert (await made.remember("mend the parser", "semantic", 0.5)).id not in (first.id, other.id)


async def test_what_is_recalled_is_told_and_counted() -> None:
    made, told = memory()
    stored = await made.remember_success("fix the parser", [], "done")
    told.clear()
    assert ids(await made.recall_similar("parser", 5)) == [stored.id]
    searched, recalled = told
    assert searched == MemoriesSearched("parser", (), 1)
    assert isinstance(recalled, MemoryRecalled)
    assert recalled.content == stored.content
    assert 0 < recalled.relevance <= 1
    again = await made.store.retrieve(stored.id)
    assert again is not None
    assert (again.access_count, isinstance(again.last_accessed, datetime)) == (1, True)
    told.clear()
    assert await made.recall_by_tags(["nothing"], 5) == []
    assert told == [MemoriesSearched(None, ("nothing",), 0)]


async def test_an_item_of_several_tiers_is_recalled_once() -> None:
    made, _ = memory()
    await made.remember("about parsers", "semantic", 0.5)
    assert len(await made.recall_similar("parsers", 5)) == len(await made.recent(5)) == 1


async def test_things_are_forgotten_in_all_tiers() -> None:
    made, told = memory()
    kept = await made.remember("parsers", "semantic", 0.5)
    gone = await made.remember("lexers", "semantic", 0.5)
    assert (await made.forget(gone.id), await made.forget(gone.id)) == (True, False)
    assert ids(await made.recent(5)) == [kept.id]
    told.clear()
    assert await made.clear("long_term") == 1
    assert await made.clear("short_term") == 1
    assert await made.clear("working") == 0
    assert told == [
        MemoryCleared("long_term", 1),
        MemoryCleared("short_term", 1),
        MemoryCleared("working", 0),
    ]
    assert await made.recent(5) == []


async def test_no_secret_is_remembered() -> None:
    made, told = memory()
    token = "ghp_" + "a1B2" * 9
    stored = await made.remember_success(f"use {token}", [token], f"TOKEN={token}")
    assert token not in f"{stored} {told} {await made.recent(5)}"
    assert "[REDACTED:GITHUB_TOKEN]" in stored.content


async def test_a_long_text_is_cut() -> None:
    made, _ = memory()
    assert len((await made.remember("x" * 10_000, "semantic", 2.0)).content) == MAX_CONTENT
    assert made.short_term[0].importance == 1.0


async def test_what_the_store_refuses_is_remembered_in_the_session_and_told() -> None:
    class Full(InMemoryStore):
        async def store(self, item: MemoryItem) -> None:
            raise StoreError("the disk is full")

    made, told = memory(Full())
    with pytest.raises(StoreError, match="full"):
        await made.remember("parsers", "semantic", 0.5)
    assert (len(made.short_term), told) == (1, [])
