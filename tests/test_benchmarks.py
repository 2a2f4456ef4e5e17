"""The benchmark measures what it says, shown on its smallest contender."""

import os
import sys

import anyio
import pytest

from benchmarks import clients, stores
from benchmarks.contenders import contenders
from benchmarks.figures import FIGURES, Plan, Samples, measure
from benchmarks.model import model_server
from benchmarks.table import document, table

BARE = contenders()[0]
ONE_OF_EACH = Plan(rounds=1, repeats=1, deltas=50, streams=1, sessions=2, settle=0)


@pytest.mark.skipif(os.name == "nt", reason="the baselines read stdin as a POSIX event loop does")
async def test_one_round_with_the_bare_agent_yields_every_figure():
    samples = Samples()
    with anyio.fail_after(30):  # starts four processes
        async with model_server() as model:
            await measure(BARE, model, ONE_OF_EACH, samples, 0)
    elsewhere_unknown = (
        set[str]() if sys.platform == "linux" else {"cpu_per_delta", "rss_idle", "rss_sessions"}
    )
    assert set(samples.values) == {figure.key for figure in FIGURES} - elsewhere_unknown
    assert {key for key, values in samples.values.items() if len(values) != 1} == set()
    assert min(min(values) for key, values in samples.values.items() if key != "cpu_per_delta") > 0


def two_results() -> dict[str, Samples]:
    slow, fast = Samples(), Samples()
    for milliseconds in (30, 10, 20):
        fast.add_ms("prompt_in", milliseconds * 1_000_000)
        slow.add_ms("prompt_in", milliseconds * 2_000_000)
    slow.add("rss_idle", 1234.4)
    return {"fast": fast, "slow": slow}


def test_table_shows_medians_and_ratios_to_the_first_column():
    lines = {line.split("  ")[0]: line.split() for line in table(two_results()).splitlines()}
    assert lines["prompt in"] == ["prompt", "in", "ms", "20.0", "40.0", "(2.00x)"]
    assert lines["memory, idle"] == ["memory,", "idle", "MiB", "-", "1234"]
    assert lines["cancel"] == ["cancel", "ms", "-", "-"]


def test_document_holds_medians_and_samples():
    written = document(two_results())
    assert written["medians"] == {
        "fast": {"prompt_in": 20.0},
        "slow": {"prompt_in": 40.0, "rss_idle": 1234.4},
    }
    assert written["samples"] == {
        "fast": {"prompt_in": [30.0, 10.0, 20.0]},
        "slow": {"prompt_in": [60.0, 20.0, 40.0], "rss_idle": [1234.4]},
    }


async def test_stores_are_measured_side_by_side():
    with anyio.fail_after(30):  # starts four processes
        results = await stores.measure(stores.Plan((0, 40), n_loaded=60, n_listed=70, repeats=1))
    everyone = set(stores.CONTENDERS)
    assert set(results["turn, at 40 events (ms)"]) == everyone
    assert set(results["append, at 0 events (µs)"]) == everyone - {"rewrite"}
    assert set(results["load of 60 events (1000 events/s)"]) == everyone
    assert set(results["list of 70 sessions, first page, again (ms)"]) == everyone - {"raw"}
    lines = stores.table(results).splitlines()
    assert len(lines) == len(results) + 1
    assert "(1.00x)" in lines[1]


@pytest.mark.skipif(os.name == "nt", reason="the clients read pipes as a POSIX event loop does")
async def test_every_client_hands_over_every_update_of_a_flood():
    with anyio.fail_after(60):  # starts six processes
        results = await clients.measure(clients.Plan(rounds=1, prompts=2, updates=100))
    assert all(list(row) == list(clients.CONTENDERS) for row in results.values())
    assert list(results["updates before the stop reason (%)"].values()) == [[100.0]] * 3
    assert "acp-agent" in clients.table(results).splitlines()[0]
