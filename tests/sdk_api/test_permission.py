"""What runs, what is asked about, and how a program answers."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from acp_agent.base.ids import SessionId, ToolCallId
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.permission import PermissionRequest
from acp_agent.model.toolcall import ToolCallPatch
from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.sdk.embed.agent import AsyncAgent
from acp_agent.sdk.embed.blocking.agent import Agent
from acp_agent.sdk.embed.errors import ConfigInvalid
from acp_agent.sdk.embed.events.agent_event import AgentEvent
from acp_agent.sdk.embed.options.permission import ConfirmationPolicy, PermissionPolicy
from acp_agent.sdk.embed.runs.streams import AsyncEventStream
from acp_agent.sdk.embed.sessions.confirmations import Confirmations, PendingConfirmation
from tests.patience import PATIENCE
from tests.sdk_api.conftest import Home


def written(home: Home) -> bool:
    return (home.workspace / "made.txt").exists()


def test_077_without_anybody_to_ask_the_call_is_denied(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    session = agent.session(home.workspace, llm_client=model)
    events = {event.event_type: event for event in session.stream("write it")}
    denied = events["permission_denied"]
    assert (denied.tool_name, denied.args) == ("write", {"path": "made.txt", "content": "made"})
    assert denied.reason
    assert (events["tool_end"].exit_code, events["tool_end"].error_kind) == (1, "permission_denied")
    assert not written(home)


@pytest.mark.parametrize(
    "policy",
    [
        PermissionPolicy(default_decision="allow"),
        PermissionPolicy.permissive(),
        {"defaultDecision": "allow"},
        PermissionPolicy(allow=["write(made.txt)"], default_decision="deny"),
    ],
)
def test_082_206_222_a_policy_allows(
    agent: Agent, home: Home, model: ScriptedProvider, policy: PermissionPolicy
) -> None:
    agent.session(home.workspace, llm_client=model, permission_policy=policy).send("write it")
    assert written(home)


def test_082_permissive_and_a_checker(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    asked: list[tuple[str, JsonObject]] = []

    def check(tool: str, args: JsonObject) -> str:
        asked.append((tool, args))
        return "deny"

    options = {"llm_client": model, "permissive": True}
    agent.session(home.workspace, {**options, "permission_checker": check}).send("write it")
    assert (asked[0][0], written(home)) == ("write", False)
    agent.session(home.workspace, options).send("write it")
    assert written(home)


@pytest.mark.parametrize(
    "policy",
    [
        PermissionPolicy(deny=["write"], allow=["write"], default_decision="allow"),
        PermissionPolicy(ask=["write(*)"], default_decision="allow"),
        PermissionPolicy(default_decision="deny"),
        PermissionPolicy.strict(),
    ],
)
def test_082_deny_wins_over_ask_and_ask_over_allow(
    agent: Agent, home: Home, model: ScriptedProvider, policy: PermissionPolicy
) -> None:
    agent.session(home.workspace, llm_client=model, permission_policy=policy).send("write it")
    assert not written(home)


def test_a_protected_file_is_asked_about_whatever_is_allowed(agent: Agent, home: Home) -> None:
    sly = ScriptedProvider('call: write {"path": ".git/hooks/x", "content": "x"}\n---\nsay: {result}')
    agent.session(home.workspace, llm_client=sly, permissive=True).send("go")
    assert not (home.workspace / ".git").exists()


def test_068_direct_calls_of_the_host_bypass_permission(agent: Agent, home: Home) -> None:
    session = agent.session(home.workspace, permission_policy=PermissionPolicy(default_decision="deny"))
    session.write_file("made.txt", "by the host")
    assert written(home)


def test_a_policy_that_cannot_be_is_refused(agent: Agent, home: Home) -> None:
    unusable: tuple[dict[str, object], ...] = (
        {"defaultDecision": "perhaps"},
        {"allowed": []},
        {"allow": ["write((("]},
    )
    for policy in unusable:
        with pytest.raises(ConfigInvalid, match="permission_policy"):
            agent.session(home.workspace, permission_policy=policy)


async def until(kind: str, stream: AsyncEventStream) -> AgentEvent:
    with anyio.fail_after(PATIENCE):
        while (event := await stream.next_event()) is not None:
            if event.event_type == kind:
                return event
    raise AssertionError(f"no {kind}")


@pytest.mark.parametrize("approved", [True, False])
async def test_077_the_program_confirms_a_call(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider, approved: bool
) -> None:
    session = async_agent.session(
        home.workspace, llm_client=model, confirmation_policy=ConfirmationPolicy(default_timeout_ms=60_000)
    )
    stream = session.stream("write it")
    asked = await until("confirmation_required", stream)
    assert (asked.tool_name, asked.timeout_ms) == ("write", 60_000)
    waiting = session.pending_confirmations()
    assert [(one.tool_id, one.tool_name) for one in waiting] == [(asked.tool_id, "write")]
    assert 0 < waiting[0].remaining_ms <= 60_000
    assert not session.confirm_tool_use("another", approved=True)
    assert session.confirm_tool_use(asked.tool_id or "", approved, "because")
    received = await until("confirmation_received", stream)
    assert (received.approved, received.reason) == (approved, "because")
    await stream.result()
    assert (written(home), session.pending_confirmations()) == (approved, [])


@pytest.mark.parametrize(("action", "taken"), [("reject", "rejected"), ("auto_approve", "auto_approved")])
async def test_077_without_an_answer_in_time_the_policy_decides(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider, action: str, taken: str
) -> None:
    policy = {"enabled": True, "default_timeout_ms": 1, "timeout_action": action}
    session = async_agent.session(home.workspace, llm_client=model, confirmation_policy=policy)
    stream = session.stream("write it")
    late = await until("confirmation_timeout", stream)
    assert late.data == {"action_taken": taken}
    await stream.result()
    assert written(home) == (action == "auto_approve")


@pytest.mark.parametrize(("lanes", "runs"), [(["execute"], True), (["query", "control"], False)])
async def test_077_lanes_may_be_confirmed_without_asking(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider, lanes: list[str], runs: bool
) -> None:
    policy = {"enabled": True, "default_timeout_ms": 1, "yolo_lanes": lanes}
    session = async_agent.session(home.workspace, llm_client=model, confirmation_policy=policy)
    kinds = [event.event_type async for event in session.stream("write it")]
    assert (written(home), "confirmation_required" in kinds) == (runs, not runs)


async def test_082_a_manager_confirms(async_agent: AsyncAgent, home: Home, model: ScriptedProvider) -> None:
    seen: list[PendingConfirmation] = []

    async def confirm(pending: PendingConfirmation) -> bool:
        seen.append(pending)
        return True

    session = async_agent.session(home.workspace, llm_client=model, confirmation_manager=confirm)
    await session.send("write it")
    assert ([one.tool_name for one in seen], written(home)) == (["write"], True)


async def test_112_closing_refuses_what_waits(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    session = async_agent.session(home.workspace, llm_client=model, confirmation_policy=ConfirmationPolicy())
    stream = session.stream("write it")
    await until("confirmation_required", stream)
    await session.close()
    assert (session.pending_confirmations(), written(home)) == ([], False)
    assert (await stream.result()).stop_reason == "cancelled"


async def test_an_answer_in_the_last_moment_counts() -> None:
    told: list[AgentEvent] = []

    def tell(event: AgentEvent) -> None:
        told.append(event)
        if event.event_type == "confirmation_required":
            assert waiting.answer(event.tool_id or "", approved=True, reason=None)

    policy = ConfirmationPolicy(
        enabled=True, default_timeout_ms=0
    )  # over when the wait for the answer begins
    waiting = Confirmations(SessionId("s"), tell, policy, None)
    question = PermissionRequest(SessionId("s"), ToolCallId("c"), ToolCallPatch(name="write"), ())
    assert await waiting.ask(question) == "allow_once"
    assert [event.event_type for event in told] == ["confirmation_required", "confirmation_received"]


def fail(*asked: object) -> Any:
    raise ValueError("broken")


def leave(*asked: object) -> Any:
    raise SystemExit("as programs end")


@pytest.mark.parametrize(
    ("options", "reason", "warning"),
    [
        ({"confirmation_manager": leave}, "rejected this call", "the confirmation manager failed"),
        ({"permission_checker": leave}, "forbids this call", "the permission checker failed"),
        ({"confirmation_manager": fail}, "rejected this call", "the confirmation manager failed; `write` is"),
        (
            {"permission_checker": fail},
            "forbids this call",
            "the permission checker failed; `write` is denied",
        ),
        ({"permission_checker": lambda *asked: True}, "forbids this call", "said True of `write`, which is"),
    ],
)
def test_082_who_fails_to_decide_has_said_no(
    agent: Agent,
    home: Home,
    model: ScriptedProvider,
    caplog: pytest.LogCaptureFixture,
    options: dict[str, Any],
    reason: str,
    warning: str,
) -> None:
    session = agent.session(home.workspace, options, llm_client=model)
    assert reason in session.send("write it").text
    assert not (home.workspace / "made.txt").exists()
    assert warning in caplog.text


async def never(tool: str, args: object) -> str:
    return "allow"


def test_082_a_checker_that_would_have_to_wait_is_refused(agent: Agent, home: Home) -> None:
    checker: Any = never
    with pytest.raises(ConfigInvalid, match="must not be a coroutine function; use a `confirmation_manager`"):
        agent.session(home.workspace, permission_checker=checker)
