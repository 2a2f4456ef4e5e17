"""What can be chosen in a session, what a choice amounts to, and that it stays chosen."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import anyio
import anyio.lowlevel
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.errors import InvalidChoice
from acp_agent.engine.agent_core import Defaults
from acp_agent.engine.options import Select, Switch, accept, options_of, tuned
from acp_agent.model import events
from acp_agent.model.chat import (
    CallStarted,
    FromUser,
    ModelDelta,
    ModelRequest,
    StepFinished,
    Text,
    TextDelta,
    Usage,
)
from acp_agent.model.session import ModelInfo, Parameter
from acp_agent.model.toolcall import ToolOutcome, succeeded
from tests.engine.conftest import SlowStore, Stage, Tool, open_stage

ALL: tuple[Parameter, ...] = ("temperature", "max_output_tokens", "parallel_calls")
THINKER = ModelInfo(
    "local/thinker",
    "Thinker",
    max_output=20_000,
    thinks=True,
    thought_levels=("off", "low", "high"),
    parameters=ALL,
)
TALKER = ModelInfo("local/talker", "Talker", max_output=4_096, parameters=("temperature",))
SILENT = ModelInfo("other/silent", "Silent")
MODELS = (THINKER, TALKER, SILENT)


class Listener:
    """A provider that notes what it is asked; it calls `look` if told to, else says one word."""

    name = "local"

    def __init__(self) -> None:
        self.asked: list[ModelRequest] = []
        self.calls_first = False

    def models(self) -> tuple[ModelInfo, ...]:
        return (THINKER, TALKER)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelDelta, None]:
        self.asked.append(request)
        await anyio.lowlevel.checkpoint()
        if self.calls_first and len(self.asked) == 1:
            yield CallStarted(0, "c1", "look")
            yield StepFinished("tool_calls", Usage(1, 1))
        else:
            yield TextDelta("Aye.")
            yield StepFinished("stop", Usage(1, 1))

    async def prepare(self) -> None: ...

    async def aclose(self) -> None: ...


def ids(model: ModelInfo, **chosen: str | bool) -> list[str]:
    return [option.id for option in options_of("ask", model, MODELS, chosen)]


def values(model: ModelInfo, **chosen: str | bool) -> dict[str, str | bool]:
    return {option.id: option.current for option in options_of("ask", model, MODELS, chosen)}


def request(model: ModelInfo) -> ModelRequest:
    return ModelRequest(model, "", (FromUser((Text("Hello"),)),))


def test_options_follow_the_model() -> None:
    always = ["mode", "model"]
    assert ids(THINKER) == [*always, "thought_level", *ALL]
    assert ids(TALKER) == [*always, "temperature"]
    assert ids(SILENT) == always


def test_what_thinks_has_no_temperature_to_choose() -> None:
    assert "temperature" not in ids(THINKER, thought_level="low")
    assert "temperature" in ids(THINKER, thought_level="off")


def test_models_are_grouped_by_provider() -> None:
    model = options_of("ask", TALKER, MODELS, {})[1]
    assert isinstance(model, Select)
    groups = [(group.name, [value.id for value in group.values]) for group in model.groups]
    assert groups == [("local", ["local/thinker", "local/talker"]), ("other", ["other/silent"])]


def test_answers_can_only_be_made_shorter_than_the_model_makes_them() -> None:
    (length,) = (
        option for option in options_of("ask", THINKER, MODELS, {}) if option.id == "max_output_tokens"
    )
    assert isinstance(length, Select)
    assert [value.id for value in length.values] == ["default", "16384", "8192", "4096"]
    assert "max_output_tokens" not in ids(TALKER)


def test_a_choice_rests_while_the_model_does_not_take_it() -> None:
    chosen: dict[str, str | bool] = {"thought_level": "high", "temperature": "0.7", "parallel_calls": False}
    assert values(TALKER, **chosen) == {"mode": "ask", "model": "local/talker", "temperature": "0.7"}
    assert values(THINKER, **chosen)["thought_level"] == "high"
    assert values(THINKER, thought_level="medium")["thought_level"] == "off"


def test_requests_say_what_was_chosen_and_their_model_takes() -> None:
    chosen: dict[str, str | bool] = {
        "thought_level": "high",
        "temperature": "0.7",
        "max_output_tokens": "8192",
        "parallel_calls": False,
    }
    told = tuned(request(THINKER), chosen)
    assert (told.thought_level, told.temperature) == ("high", None)
    assert (told.max_output, told.parallel_calls) == (8_192, False)
    assert tuned(request(TALKER), chosen).temperature == 0.7
    assert tuned(request(SILENT), chosen) == request(SILENT)
    assert tuned(request(THINKER), {}) == request(THINKER)


@pytest.mark.parametrize(
    ("option", "value", "field", "choices"),
    [
        ("colour", "red", "option", ("mode", "model", "thought_level", *ALL)),
        ("mode", "root", "mode", ("ask", "accept-edits", "plan", "auto")),
        ("thought_level", "deep", "thought_level", ("off", "low", "high")),
        ("thought_level", True, "thought_level", ("off", "low", "high")),
        ("parallel_calls", "maybe", "parallel_calls", ("on", "off")),
        ("temperature", "0.31", "temperature", ("default", "0", "0.3", "0.7", "1")),
    ],
)
def test_what_cannot_be_chosen_is_refused_with_what_can(
    option: str, value: str | bool, field: str, choices: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidChoice) as caught:
        accept(options_of("ask", THINKER, MODELS, {}), option, value)
    assert (caught.value.field, caught.value.choices) == (field, choices)


def test_a_switch_takes_words_as_well() -> None:
    options = options_of("ask", THINKER, MODELS, {})
    off = events.OptionChanged("parallel_calls", value=False)
    assert accept(options, "parallel_calls", value=False) == accept(options, "parallel_calls", "off") == off
    assert accept(options, "parallel_calls", "on") is None


@given(
    st.sampled_from(MODELS),
    st.dictionaries(
        st.sampled_from(["thought_level", *ALL, "junk"]), st.text(max_size=5) | st.booleans(), max_size=5
    ),
)
def test_whatever_is_remembered_leads_to_values_that_exist(
    model: ModelInfo, chosen: dict[str, str | bool]
) -> None:
    options = options_of("ask", model, MODELS, chosen)
    for option in options:
        if isinstance(option, Switch):
            assert isinstance(option.current, bool)
        else:
            assert option.current in [value.id for value in option.values]
    told = tuned(request(model), chosen)
    assert told.thought_level in ("", *model.thought_levels)


@pytest.fixture
def listener() -> Listener:
    return Listener()


async def test_a_choice_counts_from_the_next_request_on(listener: Listener) -> None:
    async with open_stage("say: x", providers=[listener], defaults=Defaults("local/thinker")) as stage:
        await stage.prompt("one")
        await stage.session.choices.make("thought_level", "high")
        await stage.prompt("two")
        assert [asked.thought_level for asked in listener.asked] == ["", "high"]


async def test_a_choice_during_a_turn_counts_from_its_next_step_on(listener: Listener) -> None:
    listener.calls_first = True

    async def choose(*_: object) -> ToolOutcome:
        await stage.session.choices.make("thought_level", "low")
        return succeeded("chosen")

    look = Tool("look", work=choose)
    defaults = Defaults("local/thinker")
    async with open_stage("say: x", look, providers=[listener], defaults=defaults) as stage:
        await stage.prompt("go")
        assert [asked.thought_level for asked in listener.asked] == ["", "low"]


async def test_choices_asked_for_at_once_are_made_in_order(listener: Listener) -> None:
    # The second exists only once the first is made, and the fourth no longer once the third is.
    async with open_stage("say: x", providers=[listener], store=SlowStore()) as stage:
        await stage.prompt("one")  # from here on every choice waits for the store
        stage.host.told.clear()
        refused: list[str] = []

        async def choose(option: str, value: str) -> None:
            try:
                await stage.session.choices.make(option, value)
            except InvalidChoice as exc:
                refused.append(exc.value)

        async with anyio.create_task_group() as choosing:
            choosing.start_soon(choose, "model", "local/thinker")
            choosing.start_soon(choose, "thought_level", "high")
            choosing.start_soon(choose, "model", "local/talker")
            choosing.start_soon(choose, "thought_level", "low")
        assert refused == ["thought_level"]
        assert stage.host.told == [
            events.ModelChanged("local/thinker"),
            events.OptionChanged("thought_level", "high"),
            events.ModelChanged("local/talker"),
        ]


async def test_choices_come_back_with_the_session(listener: Listener) -> None:
    async with open_stage("say: x", providers=[listener], defaults=Defaults("local/thinker")) as stage:
        await stage.session.choices.make("thought_level", "high")  # before anything is stored
        await stage.prompt("one")
        await stage.session.choices.make("parallel_calls", value=False)
        await stage.reopen()
        assert stage.session.state.chosen == {"thought_level": "high", "parallel_calls": False}
        await stage.prompt("two")
        assert (listener.asked[-1].thought_level, listener.asked[-1].parallel_calls) == ("high", False)


async def test_a_session_begins_with_what_it_is_given_and_keeps_it(listener: Listener) -> None:
    defaults = Defaults("local/thinker", chosen={"thought_level": "low", "temperature": "0.3"})
    async with open_stage("say: x", providers=[listener], defaults=defaults) as stage:
        assert stage.session.state.chosen["thought_level"] == "low"  # at once, for the first answer
        await stage.session.choices.make("thought_level", "high")
        await stage.prompt("one")
        stored = [event for event in await stage.stored() if isinstance(event, events.OptionChanged)]
        assert stored == [
            events.OptionChanged("thought_level", "low"),
            events.OptionChanged("temperature", "0.3"),
            events.OptionChanged("thought_level", "high"),
        ]
        stage.opening = msgspec.structs.replace(stage.opening, defaults=Defaults("local/talker"))
        await stage.reopen()
        assert stage.session.state.chosen == {"thought_level": "high", "temperature": "0.3"}


async def test_choosing_what_is_chosen_already_tells_nobody(stage_of_thinker: Stage) -> None:
    stage = stage_of_thinker
    await stage.session.choices.make("thought_level", "off")
    await stage.session.choices.make("model", "local/thinker")
    assert stage.host.told == []


@pytest.fixture
async def stage_of_thinker(listener: Listener) -> AsyncGenerator[Stage, None]:
    async with open_stage("say: x", providers=[listener], defaults=Defaults("local/thinker")) as stage:
        yield stage
