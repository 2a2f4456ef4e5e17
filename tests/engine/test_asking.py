"""What holds for every question, whoever asks it: no secrets, honest addresses, answers that fit."""

from __future__ import annotations

import logging

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent import ports
from acp_agent.base.ids import SessionId, ToolCallId
from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.questions.asking import NO_SECRETS, Scope, ask_user
from acp_agent.model import events
from acp_agent.model import question as asking
from acp_agent.model.toolcall import ToolOutcome, succeeded
from tests.engine.conftest import Asker, Tool, open_stage
from tests.patience import PATIENCE

SCOPE = Scope(SessionId("s"), ToolCallId("c"))
COLORS = (asking.Option("r", "Red"), asking.Option("g", "Green"))


def text(name: str = "value", title: str = "", description: str = "") -> asking.Form:
    return asking.Form("?", (asking.TextField(name=name, title=title, description=description),))


async def ask(question: asking.Question, *answers: asking.Answer) -> tuple[asking.Answer, Asker]:
    asker = Asker()
    asker.answers += answers
    with anyio.fail_after(PATIENCE):
        return await ask_user(question, asker, SCOPE), asker


@pytest.mark.parametrize(
    "form",
    [
        text("password"),
        text("dbPassword"),
        text("API_KEY"),
        text("apiKey"),
        text("APIKey"),
        text("github-token"),
        text("sshKey"),
        text(title="Secret"),
        text(title="Access key"),
        text(title="What is your OpenAI API key?"),
        text(description="Paste the client secret here."),
        asking.Form("Please paste your GitHub token", text().fields),
        asking.Form("Enter password:", text().fields),
        asking.Form("?", (asking.IntegerField(name="otp"),)),
    ],
    ids=str,
)
async def test_a_form_for_a_secret_is_never_shown(form: asking.Form) -> None:
    answer, asker = await ask(form)
    assert (answer, asker.asked) == (asking.Unavailable(NO_SECRETS), [])


@pytest.mark.parametrize(
    "form",
    [
        text("key"),
        text("keyboard"),
        text("email"),
        text(title="Which token bucket library should be used?"),
        text(title="How should users reset their password?"),
        text(title="Where is the API key to be stored, and for how long?"),
        asking.Form("?", (asking.IntegerField(name="max_tokens"),)),
        asking.Form("Rotate your password?", (asking.SwitchField(name="password"),)),
        asking.Form("Which token?", (asking.OneField(name="token", options=COLORS),)),
    ],
    ids=str,
)
async def test_talking_about_secrets_is_not_asking_for_them(form: asking.Form) -> None:
    answer, _ = await ask(form, asking.Declined())
    assert answer == asking.Declined()


FIELDS: list[tuple[asking.Field, asking.FieldValue, asking.FieldValue]] = [
    (asking.TextField(name="f", min_length=2), "ab", "a"),
    (asking.TextField(name="f", max_length=2), "ab", "abc"),
    (asking.TextField(name="f"), "ab", 1),
    (asking.TextField(name="f"), "ab", "a" * 100_001),
    (asking.TextField(name="f", format="email"), "a@b.org", "a.b.org"),
    (asking.TextField(name="f", format="uri"), "https://b.org/", "b org"),
    (asking.TextField(name="f", format="date"), "2026-02-28", "2026-02-30"),
    (asking.TextField(name="f", format="date-time"), "2026-02-28T10:00:00Z", "2026-02-28"),
    (asking.NumberField(name="f", minimum=1), 1.5, 0.5),
    (asking.NumberField(name="f"), 2, float("inf")),
    (asking.NumberField(name="f"), 2, True),
    (asking.IntegerField(name="f", maximum=3), 3, 4),
    (asking.IntegerField(name="f"), 3, 3.5),
    (asking.SwitchField(name="f"), False, "no"),
    (asking.OneField(name="f", options=COLORS), "r", "Red"),
    (asking.ManyField(name="f", options=COLORS), (), ("b",)),
    (asking.ManyField(name="f", options=COLORS), ("r",), ("r", "r")),
    (asking.ManyField(name="f", options=COLORS, min_items=1), ("g",), ()),
    (asking.ManyField(name="f", options=COLORS, max_items=1), ("g",), ("g", "r")),
]


@pytest.mark.parametrize(("field", "right", "wrong"), FIELDS, ids=str)
async def test_a_value_that_does_not_fit_is_asked_for_once_more(
    field: asking.Field, right: asking.FieldValue, wrong: asking.FieldValue, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    form = asking.Form("?", (field,))
    good, bad = asking.Accepted({"f": right}), asking.Accepted({"f": wrong})
    assert (await ask(form, good))[0] == good
    answer, asker = await ask(form, bad, good)
    assert answer == good
    (_, first), (_, second) = asker.asked
    assert first == form
    assert isinstance(second, asking.Form)
    assert second.message.startswith("“f” must be ")


async def test_a_second_misfit_counts_as_declined(caplog: pytest.LogCaptureFixture) -> None:
    form = asking.Form("?", (asking.IntegerField(name="age", title="Age", required=True),))
    answer, asker = await ask(form, asking.Accepted(), asking.Accepted({"age": "old"}))
    assert (answer, len(asker.asked)) == (asking.Declined(), 2)
    assert "does not fit" in caplog.text


async def test_what_was_not_asked_for_is_dropped() -> None:
    form = asking.Form("?", (asking.IntegerField(name="age"), asking.TextField(name="note")))
    answer, _ = await ask(form, asking.Accepted({"age": 3.0, "note": "", "more": "x"}))
    assert answer == asking.Accepted({"age": 3})


@pytest.mark.parametrize("answer", [asking.Declined(), asking.Dismissed(), asking.NOBODY_TO_ASK], ids=str)
async def test_everything_but_a_yes_is_handed_on(answer: asking.Answer) -> None:
    assert (await ask(text(), answer))[0] == answer


async def test_a_form_that_is_too_long_is_refused() -> None:
    fields = tuple(asking.SwitchField(name=f"f{number}") for number in range(21))
    answer, asker = await ask(asking.Form("?", fields))
    assert isinstance(answer, asking.Unavailable)
    assert asker.asked == []


async def test_what_acts_or_hides_in_texts_is_removed_and_what_is_long_is_cut() -> None:
    field = asking.OneField(
        name="f", title="a\u202eb\n c", options=(asking.Option("\u202er", "R\x1b[2J" + "e" * 300),)
    )
    _, asker = await ask(asking.Form("m\x07\nn" + "x" * 5_000, (field,)), asking.Declined())
    ((call_id, shown),) = asker.asked
    assert call_id == "c"
    assert isinstance(shown, asking.Form)
    assert shown.message.startswith("m\nnx")
    assert len(shown.message) == 4_000
    (one,) = shown.fields
    assert isinstance(one, asking.OneField)
    assert one.title == "ab c"
    assert one.options[0].value == "\u202er", "the answer is the asker's own value"
    assert one.options[0].label.startswith("R[2Je")
    assert len(one.options[0].label) == 200


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a?b=c#d",
        "http://localhost:8080/x",
        "http://127.0.0.1/",
        "http://[::1]:3000/cb",
    ],
)
async def test_a_page_is_shown_with_its_whole_address_and_host(url: str) -> None:
    answer, asker = await ask(asking.Visit("Log in", url, "v1"), asking.Accepted())
    assert answer == asking.Accepted()
    ((_, shown),) = asker.asked
    assert isinstance(shown, asking.Visit)
    assert (shown.url, shown.id) == (url, "v1")
    assert f"Page to open: {url}\n" in shown.message


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "http://127.0.0.1.evil.org/",
        "http://localhost.evil.org/",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https:///path",
        "https://bank.example@evil.org/",
        "https://example.org:x/",
        "https://\u0430pple.com/",
        "https://example.org/\nHost: x",
        "https://example.org\\@evil.org",
        "https://example.org/" + "a" * 4_000,
        "https://[::1",
        "",
    ],
)
async def test_nobody_is_sent_to_an_address_that_hides_where_it_leads(url: str) -> None:
    answer, asker = await ask(asking.Visit("Log in", url, "v1"))
    assert isinstance(answer, asking.Unavailable)
    assert asker.asked == []


values = st.one_of(
    st.text(max_size=5), st.integers(), st.floats(), st.booleans(), st.lists(st.text(max_size=2)).map(tuple)
)


@given(given_values=st.dictionaries(st.sampled_from("fgh"), values))
async def test_whatever_comes_back_the_values_fit_or_there_are_none(
    given_values: dict[str, asking.FieldValue],
) -> None:
    form = asking.Form(
        "?",
        (
            asking.IntegerField(name="f", minimum=0, required=True),
            asking.ManyField(name="g", options=COLORS, max_items=1),
            asking.TextField(name="h", min_length=1, max_length=3),
        ),
    )
    back = asking.Accepted(given_values)
    answer, _ = await ask(form, back, back)
    if isinstance(answer, asking.Accepted):
        assert answer.values.keys() <= {"f", "g", "h"}
        assert isinstance(answer.values["f"], int)
        assert set(answer.values.get("g", ())) <= {"r", "g"}  # pyright: ignore[reportArgumentType] # a tuple
        assert 1 <= len(str(answer.values.get("h", "x"))) <= 3
    else:
        assert answer == asking.Declined()


async def _ask_color(args: JsonObject, context: ports.ToolContext) -> ToolOutcome:
    answer = await context.ask(asking.Form("Color?", (asking.OneField(name="f", options=COLORS),)))
    return succeeded(str(answer))


async def test_a_call_asks_in_its_own_name_and_the_model_reads_the_answer() -> None:
    tool = Tool("paint", work=_ask_color)
    async with open_stage("call: paint {}\n---\nsay: It is {result}.\n", tool) as stage:
        stage.host.questions.answers.append(asking.Accepted({"f": "g"}))
        assert (await stage.prompt("go")).stop_reason == "end_turn"
        assert "'f': 'g'" in stage.host.text
        ((call_id, question),) = stage.host.questions.asked
        (shown, *_) = stage.host.of(events.CallShown)
        assert isinstance(shown, events.CallShown)
        assert (call_id, question.message) == (shown.call_id, "Color?")


async def test_a_cancelled_turn_withdraws_its_question_and_answers_the_call() -> None:
    tool = Tool("paint", work=_ask_color)
    async with open_stage("call: paint {}\n", tool) as stage:
        stage.say("go")
        await stage.host.wait_for(lambda: bool(stage.host.of(events.CallShown)))
        with anyio.fail_after(PATIENCE):
            while not stage.host.questions.asked:
                await anyio.lowlevel.checkpoint()
        stage.session.cancel()
        await stage.host.wait_ends(1)
        assert stage.host.ends[0].stop_reason == "cancelled"
        assert stage.host.questions.withdrawn == 1
        assert len(stage.host.of(events.CallAnswered)) == 1
