"""`ask_user`: what the user is asked, and what the model makes of the answer."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from acp_agent.base.errors import ToolError
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.content import Shown, Text
from acp_agent.model.question import (
    NOBODY_TO_ASK,
    Accepted,
    Answer,
    Declined,
    Dismissed,
    Form,
    ManyField,
    OneField,
    Option,
    Question,
    TextField,
    Unavailable,
)
from acp_agent.ports import ToolContext
from acp_agent.tools.ask_user import AskUserTool

FRUIT: JsonObject = {
    "question": "Which fruit?",
    "options": [{"label": "Apple", "description": "red"}, {"label": "Pear"}],
}
COLORS: JsonObject = {
    "question": "Which colors?",
    "options": [{"label": "Red"}, {"label": "Green"}],
    "multi_select": True,
}
OPEN: JsonObject = {"question": "What is it called?"}


class User:
    """Answers every question in the same way and remembers them."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[Question] = []
        self._answer = answer

    async def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        return self._answer


def asking(context: ToolContext, user: User) -> ToolContext:
    return msgspec.structs.replace(context, ask=user.ask)


async def test_each_question_becomes_fields_and_own_words_are_always_possible(context: ToolContext) -> None:
    user = User(Declined())
    await AskUserTool().run({"questions": [FRUIT, COLORS, OPEN]}, asking(context, user))
    own_words = "Or in your own words"
    assert user.asked == [
        Form(
            "3 questions about this task",
            (
                OneField(
                    name="answer_1",
                    title="Which fruit?",
                    options=(Option("Apple", "Apple: red"), Option("Pear", "Pear")),
                ),
                TextField(
                    name="answer_1_other", title=own_words, description="Which fruit?", max_length=10_000
                ),
                ManyField(
                    name="answer_2",
                    title="Which colors?",
                    options=(Option("Red", "Red"), Option("Green", "Green")),
                ),
                TextField(
                    name="answer_2_other", title=own_words, description="Which colors?", max_length=10_000
                ),
                TextField(name="answer_3", title="What is it called?", required=True, max_length=10_000),
            ),
        )
    ]


async def test_the_model_and_the_call_show_what_was_answered(context: ToolContext) -> None:
    user = User(
        Accepted(
            {"answer_1": "Pear", "answer_2": ("Red", "Green"), "answer_2_other": "blue", "answer_3": "X"}
        )
    )
    outcome = await AskUserTool().run({"questions": [FRUIT, COLORS, OPEN]}, asking(context, user))
    text = "Which fruit?\n→ Pear\n\nWhich colors?\n→ Red, Green, blue\n\nWhat is it called?\n→ X"
    assert (outcome.is_error, outcome.for_model) == (False, (Text(text),))
    assert outcome.display == (Shown(Text(text)),)


async def test_a_question_left_open_is_said_to_be(context: ToolContext) -> None:
    outcome = await AskUserTool().run({"questions": [FRUIT]}, asking(context, User(Accepted())))
    assert outcome.for_model == (Text("Which fruit?\n→ (no answer)"),)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Declined(), "declined"),
        (Dismissed(), "closed the question"),
        (NOBODY_TO_ASK, "State your question in your reply and end the turn"),
        (Unavailable("Because."), "Because."),
    ],
)
async def test_no_answer_tells_the_model_how_to_go_on(
    context: ToolContext, answer: Answer, told: str
) -> None:
    outcome = await AskUserTool().run({"questions": [FRUIT]}, asking(context, User(answer)))
    assert outcome.is_error
    (text,) = outcome.for_model
    assert isinstance(text, Text)
    assert told in text.text


async def test_without_anybody_to_ask_the_tool_still_answers(context: ToolContext) -> None:
    outcome = await AskUserTool().run({"questions": [FRUIT]}, context)
    assert outcome.for_model == (Text(NOBODY_TO_ASK.why),)


async def test_the_title_is_the_question_and_nothing_has_to_be_allowed(context: ToolContext) -> None:
    preview = await AskUserTool().preview({"questions": [FRUIT]}, context)
    assert (preview.title, preview.kind, preview.access.effect) == ("Which fruit?", "other", "none")
    assert preview.content == (Shown(Text("Which fruit?\n- Apple: red\n- Pear")),)
    several = await AskUserTool().preview({"questions": [FRUIT, OPEN]}, context)
    assert several.title == "Which fruit? (and 1 more)"


@pytest.mark.parametrize(
    ("args", "wrong"),
    [
        ({"questions": []}, "questions"),
        ({"questions": [OPEN] * 5}, "questions"),
        ({"questions": [{"question": ""}]}, "question"),
        ({"questions": [{"question": "?", "options": [{"label": "a"}, {"label": "a"}]}]}, "same label"),
    ],
)
async def test_questions_that_cannot_be_asked_are_explained(
    context: ToolContext, args: JsonObject, wrong: str
) -> None:
    with pytest.raises(ToolError, match=wrong):
        await AskUserTool().preview(args, context)


async def test_what_is_shown_is_free_of_control_characters(context: ToolContext, root: Path) -> None:
    args: JsonObject = {
        "questions": [
            {"question": "a\x1b[31mb\x07", "options": [{"label": "\x1b[2Jc", "description": "d\x00"}]}
        ]
    }
    user = User(Declined())
    preview = await AskUserTool().preview(args, context)
    await AskUserTool().run(args, asking(context, user))
    shown = f"{preview.title}{preview.content}{user.asked[0]}"
    assert preview.title == "ab"
    assert not any(char in shown for char in "\x1b\x07\x00")
