"""The tool `ask_user`: questions to the user in the middle of the work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, assert_never

import msgspec

from acp_agent.base.errors import ToolError
from acp_agent.base.jsontext import JsonObject
from acp_agent.model import question as asking
from acp_agent.model.content import shown_text
from acp_agent.model.permission import Access
from acp_agent.model.toolcall import ToolOutcome, ToolSpec, failed, succeeded
from acp_agent.ports import Preview, ToolContext
from acp_agent.tools.arguments import input_schema, parse_args
from acp_agent.tools.plaintext import one_line, plain

if TYPE_CHECKING:
    from acp_agent import ports

MAX_QUESTIONS = 4
MAX_OPTIONS = 8
MAX_QUESTION = 1_000
MAX_LABEL = 80
MAX_DESCRIPTION = 300
MAX_ANSWER = 10_000
MAX_TITLE = 150


class AskedOption(msgspec.Struct, frozen=True):
    """One answer the model proposes."""

    label: Annotated[
        str,
        msgspec.Meta(min_length=1, max_length=MAX_LABEL, description="The answer, in one to five words."),
    ]
    description: Annotated[
        str, msgspec.Meta(max_length=MAX_DESCRIPTION, description="What choosing it means.")
    ] = ""


class AskedQuestion(msgspec.Struct, frozen=True):
    """One question as the model writes it."""

    question: Annotated[
        str, msgspec.Meta(min_length=1, max_length=MAX_QUESTION, description="The whole question.")
    ]
    options: Annotated[
        tuple[AskedOption, ...],
        msgspec.Meta(
            max_length=MAX_OPTIONS,
            description="Answers to choose from, the one you recommend first; leave them out for an answer "
            "in the user's own words. They can always answer in their own words.",
        ),
    ] = ()
    multi_select: Annotated[bool, msgspec.Meta(description="Whether several options can be chosen.")] = False


class AskUserArgs(msgspec.Struct, frozen=True):
    """Arguments of `ask_user`."""

    questions: Annotated[tuple[AskedQuestion, ...], msgspec.Meta(min_length=1, max_length=MAX_QUESTIONS)]


class AskUserTool:
    """Asks, and waits for the answer as long as the user takes."""

    def __init__(self) -> None:
        self.spec = ToolSpec(
            "ask_user",
            "Ask the user one to four questions and wait for the answers. Use it only for decisions that are "
            "theirs and that you cannot find out yourself. Never ask for passwords, tokens or keys, nor for "
            "permission to use a tool.",
            input_schema(AskUserArgs),
        )

    async def preview(self, args: JsonObject, context: ToolContext) -> Preview:
        """Show the questions."""
        asked = _parse(args)
        first = one_line(plain(asked[0].question), MAX_TITLE)
        title = first if len(asked) == 1 else f"{first} (and {len(asked) - 1} more)"
        shown = "\n\n".join(_as_markdown(question) for question in asked)
        return Preview(title, "other", Access("none", "ask_user"), (shown_text(shown),))

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        """Ask; the model reads what was answered, and so does who looks at the call."""
        asked = _parse(args)
        answer = await context.ask(_form(asked))
        match answer:
            case asking.Accepted(values):
                text = "\n\n".join(
                    f"{plain(question.question)}\n→ {_answered(number, values)}"
                    for number, question in enumerate(asked, 1)
                )
                return succeeded(text, display=(shown_text(text),))
            case asking.Declined():
                return failed(
                    "The user declined to answer. Go on as you think best and say what you assumed, or ask "
                    "in your reply and end the turn."
                )
            case asking.Dismissed():
                return failed(
                    "The user closed the question without an answer. Do not ask it again in this turn; go on "
                    "without it, or end the turn and say what you need to know."
                )
            case asking.Unavailable(why):
                return failed(why)
            case _:
                assert_never(answer)


def _parse(args: JsonObject) -> tuple[AskedQuestion, ...]:
    asked = parse_args(AskUserArgs, args).questions
    for number, question in enumerate(asked):
        labels = [option.label for option in question.options]
        if len(set(labels)) != len(labels):
            raise ToolError(f"`questions[{number}].options`: two have the same label; make them differ")
    return asked


def _form(asked: tuple[AskedQuestion, ...]) -> asking.Form:
    message = plain(asked[0].question) if len(asked) == 1 else f"{len(asked)} questions about this task"
    return asking.Form(
        message,
        tuple(field for number, question in enumerate(asked, 1) for field in _fields(number, question)),
    )


def _fields(number: int, question: AskedQuestion) -> tuple[asking.Field, ...]:
    name, text = f"answer_{number}", plain(question.question)
    if not question.options:
        return (asking.TextField(name=name, title=text, required=True, max_length=MAX_ANSWER),)
    options = tuple(asking.Option(option.label, _option_text(option)) for option in question.options)
    chosen = (
        asking.ManyField(name=name, title=text, options=options)
        if question.multi_select
        else asking.OneField(name=name, title=text, options=options)
    )
    own_words = asking.TextField(
        name=f"{name}_other", title="Or in your own words", description=text, max_length=MAX_ANSWER
    )
    return chosen, own_words


def _answered(number: int, values: asking.Values) -> str:
    chosen = values.get(f"answer_{number}", ())
    parts = list(chosen) if isinstance(chosen, tuple) else [str(chosen)]
    own_words = str(values.get(f"answer_{number}_other", "")).strip()
    return ", ".join([*parts, *([own_words] if own_words else [])]) or "(no answer)"


def _as_markdown(question: AskedQuestion) -> str:
    lines = [plain(question.question), *(f"- {_option_text(option)}" for option in question.options)]
    return "\n".join(lines)


def _option_text(option: AskedOption) -> str:
    label = plain(option.label)
    return f"{label}: {plain(option.description)}" if option.description else label


if TYPE_CHECKING:
    _: type[ports.Tool] = AskUserTool
