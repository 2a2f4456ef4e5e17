"""Facts about a session that are not events: its record, modes, models and why a turn ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from acp_agent.base.ids import SessionId

StopReason: TypeAlias = Literal[
    "end_turn", "max_tokens", "max_turn_requests", "refusal", "cancelled", "error", "interrupted"
]
"""Why a turn ended. `error` carries a `TurnFault`; `interrupted` closes a turn that a crash cut off."""

ModeId: TypeAlias = Literal["ask", "accept-edits", "plan", "auto"]


class Mode(msgspec.Struct, frozen=True):
    """One way of handling permissions."""

    id: ModeId
    name: str
    description: str


MODES: tuple[Mode, ...] = (
    Mode("ask", "Ask", "Asks before it changes files or runs commands that do more than read."),
    Mode(
        "accept-edits", "Accept edits", "Edits files in the workspace freely, asks before it runs commands."
    ),
    Mode("plan", "Plan", "Reads only: explores and plans, changes nothing."),
    Mode("auto", "Auto", "Asks only about files that control other programs, and where a rule says so."),
)


Parameter: TypeAlias = Literal["temperature", "max_output_tokens", "parallel_calls"]
"""What a model may be told besides how long to think; also the ids of the options to choose it."""


class ModelInfo(msgspec.Struct, frozen=True):
    """A model that can be chosen.

    Attributes:
        id: `provider/model`, unique.
        name: for people.
        context_size: tokens the model reads at most.
        max_output: tokens it writes at most in one step.
        input_price, output_price, cache_read_price, cache_write_price: US dollars per million tokens.
        takes_images: images may be sent to it.
        takes_audio: sounds may be sent to it.
        thinks: extended thinking can be asked for.
        thought_levels: how long it can be told to think, the usual level first; empty if it cannot be told.
        parameters: what else it can be told.
        takes_thinking_budget: it can be told how many tokens to think.
    """

    id: str
    name: str
    context_size: int = 128_000
    max_output: int = 8_192
    input_price: float | None = None
    output_price: float | None = None
    cache_read_price: float | None = None
    cache_write_price: float | None = None
    takes_images: bool = True
    thinks: bool = False
    takes_audio: bool = False
    thought_levels: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    takes_thinking_budget: bool = False


class SessionRecord(msgspec.Struct, frozen=True):
    """What a list of sessions shows, and what reopening one needs; times are UTC.

    Attributes:
        archived: put away: left out of lists unless they ask for what is put away.
        parent: the session this one was forked from.
        system_prompt: what the client wants the model to be told besides the usual, or in its place.
        system_prompt_replaces: whether that stands in place of the usual rules.
        labels: what a program that embeds the agent wants to find again; never interpreted.
    """

    id: SessionId
    cwd: str
    created_at: datetime
    updated_at: datetime
    additional_directories: tuple[str, ...] = ()
    title: str | None = None
    mode: ModeId = "ask"
    model: str = ""
    n_events: int = 0
    archived: bool = False
    parent: SessionId | None = None
    system_prompt: str = ""
    system_prompt_replaces: bool = False
    labels: Mapping[str, str] = {}
