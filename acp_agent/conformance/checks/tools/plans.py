"""Plans and the use of tokens, as clients draw them."""

from __future__ import annotations

from acp_agent.base import jsontext
from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.reach import at, objects_at, text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.session import Session
from acp_agent.conformance.stage import Stage
from acp_agent.conformance.steps import PLAN_ENTRIES, Step, say
from acp_agent.conformance.verdicts import Inconclusive, NotAdvertised, expect

_PLAN = "Agent plan"
_USAGE = "Session usage"
_PRIORITIES = ("high", "medium", "low")
_STATUSES = ("pending", "in_progress", "completed")


async def _planned(stage: Stage, *plans: str) -> tuple[Session, list[JsonObject]]:
    """A session whose model made these plans, and the plans shown."""
    session = await stage.session()
    steps = [Step("plan", words) for words in plans]
    await session.turn(*steps, say("that is all"))
    session.need_tools()
    return session, session.updates("plan")


@requirement("plan.shown", "quality", section=_PLAN)
async def shown(stage: Stage) -> int:
    """A plan the model makes is shown as a plan."""
    _, plans = await _planned(stage, "look around")
    entries = [text_at(item, "content") for plan in plans for item in objects_at(plan, "entries")]
    expect(any("look around" in words for words in entries), f"the entries shown are {entries}")
    return len(plans)


@requirement("plan.entries", "MUST", section=_PLAN)
async def entries(stage: Stage) -> int:
    """Each entry of a plan has words, a priority and a status of the protocol."""
    _, plans = await _planned(stage, "look around")
    found = [item for plan in plans for item in objects_at(plan, "entries")]
    for item in found:
        shown = jsontext.dump_text(item)[:300]
        expect(bool(text_at(item, "content")), f"an entry without words: {shown}")
        expect(text_at(item, "priority") in _PRIORITIES, f"an entry without a priority: {shown}")
        expect(text_at(item, "status") in _STATUSES, f"an entry without a status: {shown}")
    return len(found)


@requirement("plan.whole", "MUST", section="Agent plan > Updating plans")
async def whole(stage: Stage) -> int:
    """Each update has the whole plan: the client replaces the one before."""
    _, plans = await _planned(stage, "first look", "then write")
    if len(plans) < 2:
        raise Inconclusive(f"saw {len(plans)} plans")
    last = [text_at(item, "content") for item in objects_at(plans[-1], "entries")]
    fitting = [words for words in last if "then write" in words]
    expect(len(fitting) == PLAN_ENTRIES, f"the model's second plan is shown as {last}")
    return len(plans)


@requirement(
    "plan.replayed",
    "quality",
    section="Session setup > Loading sessions",
    needs=("agentCapabilities.loadSession",),
)
async def replayed(stage: Stage) -> int:
    """A loaded session shows the plan it had."""
    session, plans = await _planned(stage, "look around")
    if not plans:
        raise Inconclusive("saw no plan")
    await session.agent.end()
    again = (await stage.load(session)).updates("plan")
    expect(bool(again), "no plan is shown")
    was, now = (_words(plan) for plan in (plans[-1], again[-1]))
    expect(was == now, f"the plan was {was} and is {now}")
    return len(again)


async def _used(stage: Stage, n_turns: int) -> list[JsonObject]:
    """What was told of the use of tokens, once for each turn."""
    session = await stage.session()
    last: list[JsonObject] = []
    for _ in range(n_turns):
        since = len(session.agent.log)
        await session.turn(say("hello"))
        last += session.updates("usage_update", since=since)[-1:]
    session.need_script()
    if not last:
        raise NotAdvertised("the agent does not tell how much of the context is used")
    return last


@requirement("usage.sane", "MUST", section=_USAGE)
async def sane(stage: Stage) -> int:
    """What is used of the context is no more than there is, and both are counts."""
    found = await _used(stage, 1)
    for update in found:
        used, size = at(update, "used"), at(update, "size")
        for value in (used, size):
            expect(isinstance(value, int) and not isinstance(value, bool), f"{value!r} is no count")
        if isinstance(used, int) and isinstance(size, int):
            expect(0 <= used <= size, f"{used} of {size} are used")
    return len(found)


@requirement("usage.not-a-sum", "quality", section=_USAGE)
async def not_a_sum(stage: Stage) -> int:
    """What is used is what the last request took, not the sum of all requests."""
    used = [at(update, "used") for update in await _used(stage, 4)]
    counts = [count for count in used if isinstance(count, int)]
    if len(counts) < 4:
        raise Inconclusive(f"saw {len(counts)} counts in four turns")
    expect(counts[-1] < 2 * max(counts[0], 1), f"four equal requests count as {counts}")
    return len(counts)


def _words(plan: JsonObject) -> list[str]:
    return [text_at(item, "content") for item in objects_at(plan, "entries")]


REQUIREMENTS = (shown, entries, whole, replayed, sane, not_a_sum)
