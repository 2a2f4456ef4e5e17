"""The draft about model services, where advertised: listed, sent elsewhere, switched off."""

from __future__ import annotations

from collections.abc import Sequence

from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.model import ScriptedModel
from acp_agent.conformance.reach import has, objects_at, text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.responses import expect_refused
from acp_agent.conformance.session import Session
from acp_agent.conformance.stage import Stage
from acp_agent.conformance.steps import say
from acp_agent.conformance.verdicts import Inconclusive, expect
from acp_agent.testing.model_requests import RecordedRequest
from acp_agent.testing.model_server import ModelServer, serve_model

_NEEDS = ("agentCapabilities.providers",)
_SECTION = "Configurable providers"
_MARK = "x-conformance"


async def _offered(session: Session) -> list[JsonObject]:
    found = objects_at(await session.agent.result("providers/list", {}), "providers")
    if not found:
        raise Inconclusive("no provider is listed")
    return found


async def _elsewhere(stage: Stage) -> Sequence[RecordedRequest]:
    """What the model at another address was asked, once every provider in use was sent there."""
    session = await stage.session()
    async with serve_model(ScriptedModel(stage.profile.tools)) as other:
        n_sent = 0
        for provider in await _offered(session):
            api = text_at(provider, "current", "apiType")
            url = _url(api, other)
            if url:
                params: JsonObject = {"providerId": text_at(provider, "providerId"), "apiType": api}
                headers: JsonObject = {_MARK: "marked"}
                await session.agent.result("providers/set", {**params, "baseUrl": url, "headers": headers})
                n_sent += 1
        if not n_sent:
            raise Inconclusive("no provider in use speaks what the scripted model does")
        await session.turn(say("hello"))
        if not other.requests and not stage.profile.plays_scripts and not stage.model.n_requests:
            raise Inconclusive("the agent asked no model at all")
        return other.requests


def _url(api: str, server: ModelServer) -> str:
    match api:
        case "openai":
            return server.openai_url
        case "anthropic":
            return server.anthropic_url
        case _:
            return ""


@requirement("providers.listed", "MUST", section=_SECTION, version="v1 draft", needs=_NEEDS)
async def listed(stage: Stage) -> int:
    """Each provider has an id of its own and says which protocols it takes, its current one among them."""
    found = await _offered(await stage.session())
    ids = [text_at(item, "providerId") for item in found]
    expect(len(set(ids)) == len(ids) and "" not in ids, f"the ids are {ids}")
    for item in found:
        supported = item.get("supported")
        api = text_at(item, "current", "apiType")
        takes = isinstance(supported, list) and bool(supported) and (not api or api in supported)
        expect(takes, f"`{text_at(item, 'providerId')}` takes {supported} and uses `{api}`")
    return len(ids)


@requirement("providers.set", "MUST", section=_SECTION, version="v1 draft", needs=_NEEDS)
async def set_elsewhere(stage: Stage) -> int:
    """Once a provider was sent to another address, prompts go there."""
    requests = await _elsewhere(stage)
    expect(bool(requests), "the other address was not asked")
    return len(requests)


@requirement("providers.headers", "MUST", section=_SECTION, version="v1 draft", needs=_NEEDS)
async def headers_told(stage: Stage) -> int:
    """Requests to that address carry the headers that were set for it."""
    marks = [request.headers.get(_MARK) for request in await _elsewhere(stage)]
    expect(set(marks) <= {"marked"}, f"the header was {marks}")
    return len(marks)


@requirement("providers.disabled", "MUST", section=_SECTION, version="v1 draft", needs=_NEEDS)
async def disabled(stage: Stage) -> int:
    """A provider that is switched off is listed without a current address."""
    session = await stage.session()
    ids = [text_at(item, "providerId") for item in await _offered(session) if item.get("required") is False]
    if not ids:
        raise Inconclusive("every provider is required")
    await session.agent.result("providers/disable", {"providerId": ids[0]})
    now = [item for item in await _offered(session) if text_at(item, "providerId") == ids[0]]
    expect(bool(now) and not has(now[0], "current"), f"it is listed as {now}")
    return 1


@requirement("providers.unknown", "SHOULD", section=_SECTION, version="v1 draft", needs=_NEEDS)
async def unknown(stage: Stage) -> int:
    """A provider that does not exist cannot be set."""
    agent = await stage.ready()
    params: JsonObject = {
        "providerId": "conformance-nobody",
        "apiType": "openai",
        "baseUrl": "http://127.0.0.1:9/v1",
        "headers": {},
    }
    answer = await agent.ask("providers/set", params)
    expect_refused("providers/set", answer, "a provider that does not exist was set")
    return 1


REQUIREMENTS = (listed, set_elsewhere, headers_told, disabled, unknown)
