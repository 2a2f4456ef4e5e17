"""Hooks: who is asked when and in which order, what an answer does, and that none of them loses a turn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import msgspec
import pytest

from acp_agent.base.errors import HookFailed
from acp_agent.base.ids import SessionId
from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.agent_core import Defaults, Opening
from acp_agent.engine.hooks.matching import check_hook, matches
from acp_agent.engine.hooks.registry import HookRegistry
from acp_agent.engine.hooks.session_hooks import SessionHooks
from acp_agent.engine.hooks.skills import skill_loads, skill_unloaded
from acp_agent.engine.permission.rules import Rules as PermissionRules
from acp_agent.engine.permission.rules import ToolUse, parse_rule
from acp_agent.engine.watch import Watch
from acp_agent.model import events
from acp_agent.model.chat import FromTools
from acp_agent.model.content import Text
from acp_agent.model.hook import CONTINUE, HOOK_EVENTS, HookAnswer, HookEvent, HookMatcher
from acp_agent.model.permission import Access, ShellCommand, ShellLine
from acp_agent.ports.hooks import Hook, HookHandler, Occasion
from acp_agent.tools.shell.line import shell_access
from tests.engine.conftest import NOW, VIRTUAL_CLOCK, Stage, Tool, Workspace, broken_rules, open_stage
from tests.patience import PATIENCE

CALLS = 'call: look {"path": "a"}\nusage: 10 5\n---\nsay: The result: {result}'
BLOCKED = HookAnswer("block", "not on a Friday")


class Log:
    """Handlers that remember what they were asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Occasion]] = []

    def answering(self, answer: HookAnswer = CONTINUE, name: str = "") -> HookHandler:
        async def handler(occasion: Occasion) -> HookAnswer:
            self.asked.append((name, occasion))
            return answer

        return handler

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.asked]

    @property
    def moments(self) -> list[HookEvent]:
        return [occasion.event for _, occasion in self.asked]

    def payload(self, event: HookEvent) -> JsonObject:
        return next(occasion.payload for _, occasion in self.asked if occasion.event == event)


def hook(
    event: HookEvent,
    handler: HookHandler,
    id: str = "",
    *,
    priority: int = 100,
    timeout: float = 30.0,
    matcher: HookMatcher | None = None,
    must: bool = False,
) -> Hook:
    return Hook(
        id=id or event,
        event=event,
        handler=handler,
        matcher=matcher or HookMatcher(),
        priority=priority,
        timeout=timeout,
        on_failure="block" if must else "continue",
    )


def watching(*hooks: Hook) -> Defaults:
    return Defaults("scripted/script", watch=Watch(hooks=hooks))


def told_the_model(stage: Stage) -> str:
    """What the last request says of calls."""
    results = [one for one in stage.provider.requests[-1].messages if isinstance(one, FromTools)]
    return "\n".join(
        part.text
        for message in results
        for result in message.results
        for part in result.content
        if isinstance(part, Text)
    )


async def test_every_moment_of_a_turn_is_told_in_order() -> None:
    log = Log()
    hooks = [hook(event, log.answering()) for event in HOOK_EVENTS]
    async with open_stage(CALLS, Tool("look", "read"), defaults=watching(*hooks)) as stage:
        await stage.prompt("go")
        await stage.session.close()
    assert log.moments == [
        "session_start",
        "pre_prompt",
        "generate_start",
        "generate_end",
        "pre_tool_use",
        "post_tool_use",
        "generate_start",
        "generate_end",
        "post_response",
        "session_end",
    ]


async def test_payloads_say_what_is_recorded_of_them() -> None:
    log = Log()
    hooks = [hook(event, log.answering()) for event in HOOK_EVENTS]
    async with open_stage(CALLS, Tool("look", "read"), defaults=watching(*hooks)) as stage:
        await stage.prompt("go")
        await stage.session.close()
        session_id = stage.session.id
        folder = str(stage.session.workspace.roots[0])
    assert all(occasion.payload["session_id"] == session_id for _, occasion in log.asked)
    call = {"tool": "look", "args": {"path": "a"}, "working_directory": folder}
    assert log.payload("pre_tool_use") == {"session_id": session_id, **call, "recent_tools": []}
    after = log.payload("post_tool_use")
    assert (after["tool"], after["recent_tools"]) == ("look", ["look"])
    assert after["result"] == {"success": True, "output": "done", "exit_code": 0, "duration_ms": 0}
    begun = log.payload("generate_start")
    assert {name: begun[name] for name in ("prompt", "model_provider", "model_name", "available_tools")} == {
        "prompt": "go",
        "model_provider": "scripted",
        "model_name": "script",
        "available_tools": ["look"],
    }
    assert begun["system_prompt"]
    ended = log.payload("generate_end")
    assert (ended["response_text"], ended["tool_calls"]) == ("", ["look"])
    assert ended["usage"] == {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    assert log.payload("post_response")["response_text"] == "The result: done"
    assert log.payload("session_start")["model"] == "scripted/script"
    assert log.payload("session_end")["total_tool_calls"] == 1


async def test_a_lower_number_is_asked_first_and_equal_ones_in_their_order() -> None:
    log = Log()
    hooks = [
        hook("pre_tool_use", log.answering(name=name), name, priority=priority)
        for name, priority in (("last", 200), ("second", 100), ("third", 100), ("first", 1))
    ]
    async with open_stage(CALLS, Tool("look", "read"), defaults=watching(*hooks)) as stage:
        await stage.prompt("go")
    assert log.names == ["first", "second", "third", "last"]


@pytest.mark.parametrize(("answer", "runs"), [(HookAnswer("skip"), 1), (BLOCKED, 0)])
async def test_after_a_block_or_a_skip_nobody_else_is_asked(answer: HookAnswer, runs: int) -> None:
    log, tool = Log(), Tool("look", "read")
    hooks = [
        hook("pre_tool_use", log.answering(answer, "first"), "first", priority=1),
        hook("pre_tool_use", log.answering(BLOCKED, "second"), "second"),
    ]
    async with open_stage(CALLS, tool, defaults=watching(*hooks)) as stage:
        await stage.prompt("go")
    assert log.names == ["first"]
    assert len(tool.runs) == runs


async def test_a_blocked_call_is_answered_with_the_reason_and_the_turn_goes_on() -> None:
    tool = Tool("look", "execute")
    guard = hook("pre_tool_use", Log().answering(BLOCKED))
    async with open_stage(CALLS, tool, defaults=watching(guard)) as stage:
        ended = await stage.prompt("go")
        assert ended.stop_reason == "end_turn"
        assert "A hook blocked this call" in told_the_model(stage)
        assert "not on a Friday" in told_the_model(stage)
        assert stage.host.asked == []  # nobody was asked for permission
        shown = [event.patch.status for event in stage.host.told if isinstance(event, events.CallShown)]
        assert shown[-1] == "failed"
        assert broken_rules(stage.provider.requests[-1].messages) == []
    assert tool.runs == []


@pytest.mark.parametrize("action", ["continue", "skip"])
async def test_a_hook_grants_nothing(action: str) -> None:
    tool = Tool("look", "execute")
    answer = HookAnswer("skip") if action == "skip" else CONTINUE
    denied = PermissionRules(deny=(parse_rule("look(*)"),))
    defaults = msgspec.structs.replace(watching(hook("pre_tool_use", Log().answering(answer))), rules=denied)
    async with open_stage(CALLS, tool, defaults=defaults) as stage:
        await stage.prompt("go")
        assert "A permission rule of the user forbids this call" in told_the_model(stage)
    assert tool.runs == []


async def test_a_hook_that_fails_or_hangs_is_told_of_once_and_the_turn_goes_on() -> None:
    async def hang(_: Occasion) -> HookAnswer:
        await anyio.sleep_forever()
        raise AssertionError

    async def fail(_: Occasion) -> HookAnswer:
        raise HookFailed("it ended with code 3")

    async def crash(_: Occasion) -> HookAnswer:
        raise ZeroDivisionError("secret")

    hooks = [
        hook("pre_tool_use", hang, "slow", timeout=0.01),
        hook("pre_tool_use", fail, "failing"),
        hook("pre_tool_use", crash, "broken"),
    ]
    tool = Tool("look", "read")
    script = 'call: look {"path": "a"}\n---\ncall: look {"path": "b"}\n---\nsay: done'
    async with open_stage(script, tool, defaults=watching(*hooks)) as stage:
        assert (await stage.prompt("go")).stop_reason == "end_turn"
        notices = [(one.title, one.detail) for one in stage.host.told if isinstance(one, events.Noticed)]
    assert notices == [
        ("The hook `slow` gave no answer to `pre_tool_use`", "it took longer than 0.01 s"),
        ("The hook `failing` gave no answer to `pre_tool_use`", "it ended with code 3"),
        ("The hook `broken` gave no answer to `pre_tool_use`", "it raised `ZeroDivisionError`"),
    ]
    assert len(tool.runs) == 2


async def test_a_hook_that_has_to_agree_blocks_when_it_cannot_be_asked() -> None:
    async def fail(_: Occasion) -> HookAnswer:
        raise HookFailed("it ended with code 3")

    tool = Tool("look", "read")
    hooks = [hook("pre_tool_use", fail, "gate", must=True), hook("generate_end", fail, "late", must=True)]
    async with open_stage(CALLS, tool, defaults=watching(*hooks)) as stage:
        assert (await stage.prompt("go")).stop_reason == "end_turn"
        assert "the hook `gate` has to agree" in told_the_model(stage)
    assert tool.runs == []


async def test_what_a_hook_says_about_a_result_is_told_to_the_model() -> None:
    remark = hook("post_tool_use", Log().answering(HookAnswer("block", "line 3 is badly formatted")))
    async with open_stage(CALLS, Tool("look", "read"), defaults=watching(remark)) as stage:
        await stage.prompt("go")
        assert told_the_model(stage) == (
            "done\nThe call ran. A hook says about it: line 3 is badly formatted"
        )


async def test_a_blocked_prompt_never_reaches_the_model_and_is_forgotten() -> None:
    guard = hook("pre_prompt", Log().answering(BLOCKED))
    async with open_stage("say: {prompt}", defaults=watching(guard)) as stage:
        ended = await stage.prompt("the secret plan")
        assert ended.stop_reason == "refusal"
        assert not stage.provider.requests
        notice = events.Noticed("warning", "A hook blocked this prompt", "not on a Friday")
        assert notice in stage.host.told
        stage.session.oversight.use(Watch())  # type: ignore[union-attr]
        await stage.prompt("hello")
        assert "secret" not in str(stage.provider.requests[-1].messages)


async def test_a_blocked_request_ends_the_turn_with_a_notice() -> None:
    guard = hook("generate_start", Log().answering(BLOCKED))
    async with open_stage("say: hello", defaults=watching(guard)) as stage:
        assert (await stage.prompt("go")).stop_reason == "end_turn"
        notice = events.Noticed("warning", "A hook keeps the model from being asked", "not on a Friday")
        assert notice in stage.host.told
        assert not stage.provider.requests


async def test_a_failed_turn_is_told_and_fails_all_the_same() -> None:
    log = Log()
    hooks = [hook("on_error", log.answering(BLOCKED)), hook("post_response", log.answering())]
    async with open_stage("error: 401 who are you", defaults=watching(*hooks)) as stage:
        ended = await stage.prompt("go")
        assert ended.stop_reason == "error"
    assert log.moments == ["on_error"]
    assert log.payload("on_error")["error_type"] == "unauthorized"


@pytest.mark.parametrize("anyio_backend", [VIRTUAL_CLOCK])
async def test_a_hook_at_the_end_of_a_session_cannot_hold_it() -> None:
    async def hang(_: Occasion) -> HookAnswer:
        await anyio.sleep_forever()
        raise AssertionError

    async with open_stage("say: hi", defaults=watching(hook("session_end", hang, timeout=600))) as stage:
        await stage.prompt("go")
        await stage.session.close()
        assert [type(event).__name__ for event in await stage.stored()][-1] == "TurnEnded"


async def test_a_cancelled_turn_cancels_the_hook_it_waits_for() -> None:
    asked, cancelled = anyio.Event(), list[bool]()

    async def hang(_: Occasion) -> HookAnswer:
        asked.set()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.append(True)
        raise AssertionError

    async with open_stage(
        CALLS, Tool("look", "read"), defaults=watching(hook("pre_tool_use", hang))
    ) as stage:
        stage.say("go")
        with anyio.fail_after(PATIENCE):
            await asked.wait()
        stage.session.cancel()
        await stage.host.wait_ends(1)
        assert stage.host.ends[-1].stop_reason == "cancelled"
        assert cancelled == [True]


async def test_hooks_that_come_and_go_are_asked_while_they_are_there() -> None:
    registry, log = HookRegistry(), Log()
    defaults = Defaults("scripted/script", watch=Watch(registry=registry))
    async with open_stage("say: hi", defaults=defaults) as stage:
        await stage.prompt("one")
        registry.register(hook("pre_prompt", log.answering(name="old"), "mine"))
        registry.register(hook("pre_prompt", log.answering(name="new"), "mine"))
        assert len(registry) == 1
        await stage.prompt("two")
        assert registry.unregister("mine")
        assert not registry.unregister("mine")
        await stage.prompt("three")
    assert [(name, occasion.payload["prompt"]) for name, occasion in log.asked] == [("new", "two")]


async def test_a_session_opened_again_has_the_hooks_of_its_settings() -> None:
    log = Log()
    async with open_stage(
        "say: hi", defaults=watching(hook("pre_prompt", log.answering(name="old")))
    ) as stage:
        await stage.prompt("one")
        opening = msgspec.structs.replace(
            stage.opening, defaults=watching(hook("pre_prompt", log.answering(name="new")))
        )
        assert await stage.core.open(stage.session.id, opening) is stage.session
        await stage.prompt("two")
        nobody = msgspec.structs.replace(stage.opening, defaults=Defaults("scripted/script"))
        await stage.core.open(stage.session.id, nobody)
        await stage.prompt("three")
    assert log.names == ["old", "new"]


async def test_labels_are_in_every_payload_and_what_the_agent_keeps_there_is_not() -> None:
    log = Log()
    async with open_stage("say: hi", defaults=watching(hook("pre_prompt", log.answering()))) as stage:
        labels = {"tenant_id": "acme", "acp_agent.role": "kept", "session_id": "no other"}
        opening: Opening = msgspec.structs.replace(stage.opening, labels=labels)
        stage.session = stage.core.create(SessionId("labelled"), opening)
        await stage.prompt("go")
    payload = log.payload("pre_prompt")
    assert (payload["tenant_id"], "acp_agent.role" in payload) == ("acme", False)
    assert payload["session_id"] == "labelled"


async def test_a_session_nobody_watches_has_nobody_to_ask() -> None:
    async with open_stage("say: hi") as stage:
        await stage.prompt("go")
        assert stage.session.oversight is None


ROOT = Path("/project")
BASH = ToolUse(
    "bash",
    {"command": "cd src && rm -rf build"},
    Access(
        "execute",
        "",
        line=ShellLine(
            "cd src && rm -rf build",
            found=(ShellCommand(("cd", "src")), ShellCommand(("rm", "-rf", "build"))),
        ),
    ),
)
HIDDEN = ToolUse("bash", {}, Access("execute", "", line=ShellLine("$(x)", complete=False)))
EDIT = ToolUse("edit", {"path": "a.py"}, Access("write", "", ("/project/src/a.py",)))


@pytest.mark.parametrize(
    ("matcher", "use", "expected"),
    [
        (HookMatcher(), EDIT, True),
        (HookMatcher(), None, True),
        (HookMatcher(tool="Edit"), EDIT, True),
        (HookMatcher(tool="write|edit"), EDIT, True),
        (HookMatcher(tool="e*"), EDIT, True),
        (HookMatcher(tool="write"), EDIT, False),
        (HookMatcher(tool="edit"), None, False),
        (HookMatcher(path_pattern="src/**"), EDIT, True),
        (HookMatcher(path_pattern="**/*.py"), EDIT, True),
        (HookMatcher(path_pattern="src"), EDIT, True),
        (HookMatcher(path_pattern="docs/**"), EDIT, False),
        (HookMatcher(path_pattern="src/**"), BASH, False),
        (HookMatcher(command_pattern="rm:*"), BASH, True),
        (HookMatcher(command_pattern="git push:*"), BASH, False),
        (HookMatcher(command_pattern="git push:*"), HIDDEN, True),
        (HookMatcher(command_pattern="*"), EDIT, False),
        (HookMatcher(tool="bash", path_pattern="src/**"), EDIT, False),
        (HookMatcher(session="sess*"), EDIT, True),
        (HookMatcher(session="other"), EDIT, False),
    ],
)
def test_a_hook_is_asked_about_what_all_of_its_matcher_matches(
    matcher: HookMatcher, use: ToolUse | None, expected: bool
) -> None:
    assert matches(matcher, SessionId("sess_1"), use, (ROOT,)) is expected


@pytest.mark.parametrize("line", ["echo $(rm -rf /)", "sudo rm -rf /", "true; rm x", "env A=1 rm x"])
def test_no_disguise_hides_a_command_from_its_hook(line: str) -> None:
    use = ToolUse("bash", {"command": line}, shell_access(line, Workspace(ROOT), posix=True))
    assert matches(HookMatcher(command_pattern="rm:*"), SessionId("s"), use, (ROOT,))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"event": "before_lunch"}, "choose one of: pre_tool_use"),
        ({"event": "on_error", "matcher": HookMatcher(tool="bash")}, "`tool` is for pre_tool_use"),
        ({"matcher": HookMatcher(path_pattern="")}, "the pattern is empty"),
        ({"timeout": 0}, "time limit"),
    ],
)
def test_a_hook_that_could_never_be_asked_is_refused(change: dict[str, object], complaint: str) -> None:
    made = msgspec.structs.replace(hook("pre_tool_use", Log().answering()), **change)
    with pytest.raises(ValueError, match=complaint):
        check_hook(made)


def of_session(*hooks: Hook, tell: Callable[[events.Noticed], Awaitable[None]] | None = None) -> SessionHooks:
    async def nothing(_: events.Noticed) -> None:
        return None

    return SessionHooks(
        SessionId("s"),
        dict,
        configured=hooks,
        registry=HookRegistry(),
        roots=lambda: (ROOT,),
        tell=tell or nothing,
    )


async def test_a_skill_can_be_kept_from_being_loaded_and_its_end_is_told() -> None:
    log = Log()
    hooks = of_session(
        hook("skill_load", log.answering(BLOCKED)), hook("skill_unload", log.answering(BLOCKED))
    )
    why = await skill_loads(hooks, "deploy", tools=["bash"], version="2", description="Ships it", at=NOW)
    assert why is not None
    assert "not on a Friday" in why
    assert log.payload("skill_load") == {
        "session_id": "s",
        "skill_name": "deploy",
        "tool_names": ["bash"],
        "version": "2",
        "description": "Ships it",
        "loaded_at": NOW.isoformat(),
    }
    await skill_unloaded(hooks, "deploy", tools=["bash"], seconds=1.5)
    assert log.payload("skill_unload")["duration_ms"] == 1500
    assert await skill_loads(of_session(), "deploy", at=NOW) is None
