"""Questions to the user: forms, only where offered, and what becomes of each answer."""

from __future__ import annotations

from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.agent_process import RequestId
from acp_agent.conformance.checks.services.client_methods import worked
from acp_agent.conformance.reach import at, object_at, text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.session import FINAL, Session
from acp_agent.conformance.stage import Stage
from acp_agent.conformance.steps import Step, say
from acp_agent.conformance.verdicts import Inconclusive, expect

_SECTION = "Elicitation"
_FORMS: JsonObject = {"elicitation": {"form": {}}}
_CREATE = "elicitation/create"
_PLAIN = ("string", "number", "integer", "boolean", "array")


async def _asking(stage: Stage, form: str) -> tuple[Session, RequestId, JsonObject]:
    """A session whose model asks the user, its turn, and the question."""
    agent = await stage.ready(offer=_FORMS)
    stage.client.form = form
    if form == "never":
        stage.client.unanswered.add(_CREATE)
    session = await stage.open(agent)
    prompt = await session.begin(Step("ask", "Which color?"), say("that is all"))
    return session, prompt, await session.asked(prompt, _CREATE)


@requirement("elicitation.only-if-offered", "MUST", section=_SECTION, aliases=("ACP-CLIENTCAP-003",))
async def only_if_offered(stage: Stage) -> int:
    """Forms and pages are only asked for if the client offered them."""
    session = await worked(stage)
    await session.turn(Step("ask", "Which color?"), say("that is all"))
    session.need_script()
    calls = session.agent.calls("elicitation/")
    expect(not calls, f"the client did not offer it, and was asked {len(calls)} times")
    if "ask" in stage.model.missing:
        raise Inconclusive("the agent's model has no tool that asks the user")
    return 1


@requirement("elicitation.form", "MUST", section="Elicitation > Form mode")
async def form(stage: Stage) -> int:
    """A form says what it is about, whose it is, and has a flat schema of plain values."""
    session, prompt, question = await _asking(stage, "accept")
    params = object_at(question, "params")
    expect(bool(text_at(params, "message")), "the form says nothing")
    named = text_at(params, "sessionId") == session.id or "requestId" in params
    expect(named, "the form names neither its session nor its request")
    expect(
        text_at(params, "mode") == "form", f"the mode is `{text_at(params, 'mode')}`; only forms were offered"
    )
    schema = object_at(params, "requestedSchema")
    expect(schema.get("type", "object") == "object", "the schema is of no object")
    fields = object_at(schema, "properties")
    for name, field in fields.items():
        kind = text_at(field, "type")
        expect(kind in _PLAIN, f"the field `{name}` is of type `{kind}`")
    await session.finish(prompt)
    return len(fields)


@requirement("elicitation.accepted", "MUST", section="Elicitation > Response actions")
async def accepted(stage: Stage) -> int:
    """The answer gets to the model, or is shown."""
    session, prompt, _ = await _asking(stage, "accept")
    reason = await session.finish(prompt)
    expect(reason == "end_turn", f"the stop reason is `{reason}`")
    told = " ".join(stage.model.results) + str(session.updates())
    answers = stage.client.answers
    expect(any(answer in told for answer in answers), f"the user's answers got nowhere: {answers}")
    return 1


@requirement("elicitation.declined", "SHOULD", section="Elicitation > Response actions")
async def declined(stage: Stage) -> int:
    """A declined question does not end the turn with an error."""
    session, prompt, _ = await _asking(stage, "decline")
    reason = await session.finish(prompt)
    expect(reason == "end_turn", f"the stop reason is `{reason}`")
    return 1


@requirement("elicitation.dismissed", "SHOULD", section="Elicitation > Response actions")
async def dismissed(stage: Stage) -> int:
    """A closed question does not end the turn with an error."""
    session, prompt, _ = await _asking(stage, "cancel")
    reason = await session.finish(prompt)
    expect(reason in ("end_turn", "cancelled"), f"the stop reason is `{reason}`")
    return 1


@requirement("elicitation.refused", "SHOULD", section=_SECTION)
async def refused(stage: Stage) -> int:
    """A client that fails to ask does not cost the turn."""
    agent = await stage.ready(offer=_FORMS)
    stage.client.refused.add(_CREATE)
    session = await stage.open(agent)
    prompt = await session.begin(Step("ask", "Which color?"), say("that is all"))
    await session.asked(prompt, _CREATE)
    reason = await session.finish(prompt)
    expect(reason == "end_turn", f"the stop reason is `{reason}`")
    return 1


@requirement("elicitation.calls-ended", "quality", section="Tool calls > Status")
async def calls_ended(stage: Stage) -> int:
    """No call that asked is left open, whatever the answer."""
    session, prompt, _ = await _asking(stage, "decline")
    await session.finish(prompt)
    calls = session.some_calls()
    for id, call in calls.items():
        expect(at(call, "status") in FINAL, f"the call `{id}` is left `{at(call, 'status')}`")
    return len(calls)


REQUIREMENTS = (only_if_offered, form, accepted, declined, dismissed, refused, calls_ended)
