"""The vocabulary is closed, frozen and keeps secrets."""

from __future__ import annotations

import importlib
import inspect
import typing
from types import ModuleType

import msgspec
import pytest

from acp_agent.model import (
    chat,
    command,
    content,
    events,
    hook,
    limits,
    mcp,
    permission,
    planning,
    session,
    subagent,
    toolcall,
)
from acp_agent.model.toolcall import Text, failed, succeeded

MODULES = (
    chat,
    command,
    content,
    events,
    hook,
    limits,
    mcp,
    permission,
    planning,
    session,
    subagent,
    toolcall,
)


def values_in(module: ModuleType) -> list[type[msgspec.Struct]]:
    return [
        found
        for _, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, msgspec.Struct) and found.__module__ == module.__name__
    ]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_value_is_frozen_and_holds_no_list(module: ModuleType) -> None:
    assert values_in(module)
    for value in values_in(module):
        assert value.__struct_config__.frozen, value
        for name, hint in typing.get_type_hints(
            value, vars(importlib.import_module(value.__module__))
        ).items():
            held = {typing.get_origin(part) or part for part in (hint, *typing.get_args(hint))}
            assert not held & {list, set}, f"{value.__name__}.{name}"


def test_the_union_of_events_has_every_event_once_with_a_tag_of_its_own() -> None:
    arms = typing.get_args(events.Event)
    tags = [arm.__struct_config__.tag for arm in arms]
    assert len(set(tags)) == len(arms)
    values = (*values_in(events), *values_in(limits))
    tagged = {value for value in values if value.__struct_config__.tag is not None}
    assert set(arms) == tagged


def test_tags_of_stored_values_never_change() -> None:
    arms = {arm.__name__: arm.__struct_config__.tag for arm in typing.get_args(events.Event)}
    assert (
        arms.items()
        >= {
            "TurnStarted": "turn_started",
            "UserSaid": "user_said",
            "NoteAdded": "note_added",
            "Instructed": "instructed",
            "TextChunk": "text",
            "ThoughtChunk": "thought",
            "ThoughtEnded": "thought_ended",
            "CallRequested": "call_requested",
            "CallShown": "call_shown",
            "CallAnswered": "call_answered",
            "StepEnded": "step_ended",
            "PermissionDecided": "permission_decided",
            "PermissionRevoked": "permission_revoked",
            "RuleSet": "rule_set",
            "FileKept": "file_kept",
            "CommandGiven": "command_given",
            "CommandAnswered": "command_answered",
            "CommandsOffered": "commands_offered",
            "PlanChanged": "plan_changed",
            "PlanningTold": "planning",
            "UsageChanged": "usage_changed",
            "HistoryCleared": "history_cleared",
            "Rewound": "rewound",
            "ContextPruned": "context_pruned",
            "CompactionStarted": "compaction_started",
            "SummaryChunk": "summary",
            "CompactionEnded": "compaction_ended",
            "TitleChanged": "title_changed",
            "ModeChanged": "mode_changed",
            "ModelChanged": "model_changed",
            "OptionChanged": "option_changed",
            "SubagentStarted": "subagent_started",
            "SubagentSaid": "subagent_said",
            "SubagentChanged": "subagent_changed",
            "AidTold": "aid",
            "LimitHit": "limit_hit",
            "Noticed": "noticed",
            "TurnEnded": "turn_ended",
        }.items()
    )


def test_every_mode_is_described() -> None:
    assert [mode.id for mode in session.MODES] == list(typing.get_args(session.ModeId))


def test_servers_show_no_secret_when_printed() -> None:
    child = mcp.StdioServer("s", "run", ("--token", "hunter2"), (("KEY", "hunter2"),))
    remote = mcp.HttpServer("s", "https://x/?key=hunter2", (("Authorization", "hunter2"),))
    assert "hunter2" not in f"{child} {child!r} {remote} {remote!r} {[child, remote]}"


def test_outcomes_tell_the_model_something() -> None:
    assert succeeded("x").for_model == failed("x").for_model == (Text("x"),)
    assert (succeeded("x").is_error, failed("x").is_error) == (False, True)
