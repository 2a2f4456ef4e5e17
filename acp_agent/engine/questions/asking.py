"""Questions to the user: made fit to show, refused where they ask for secrets, their answers checked.

The only place questions pass through, so that what holds for one asker holds for all.
"""

from __future__ import annotations

import logging

import msgspec

from acp_agent.base.ids import SessionId, ToolCallId
from acp_agent.engine.questions.filling import fitting, misfit
from acp_agent.engine.questions.secrecy import asks_for_secret
from acp_agent.engine.questions.visiting import host_of, why_not_visit
from acp_agent.model import question as asking
from acp_agent.ports import Asker

logger = logging.getLogger(__name__)

MAX_FIELDS = 20
"""Fields of one form; more is no question but a questionnaire."""

MAX_OPTIONS = 200
"""Options of one field."""

MAX_MESSAGE = 4_000
MAX_TITLE = 400
MAX_LABEL = 200

NO_SECRETS = (
    "Secrets such as passwords, tokens and API keys are never asked for in a form; the user was not asked. "
    "Tell the user in your reply to set it themselves: a key for a model with `acp-agent login`, anything "
    "else in an environment variable or in the settings of the program that needs it."
)


class Scope(msgspec.Struct, frozen=True):
    """What a question belongs to: a session, and a shown call of it if there is one."""

    session_id: SessionId
    call_id: ToolCallId | None = None


async def ask_user(question: asking.Question, asker: Asker, scope: Scope) -> asking.Answer:
    """The user's answer. Values of a form fit its fields; a misfit is told once, then counts as declined.

    Never raises; when it is cancelled the question is withdrawn.
    """
    match question:
        case asking.Form():
            return await _fill_in(question, asker, scope)
        case asking.Visit():
            return await _visit(question, asker, scope)


async def _fill_in(form: asking.Form, asker: Asker, scope: Scope) -> asking.Answer:
    if asks_for_secret(form):
        return asking.Unavailable(NO_SECRETS)
    if len(form.fields) > MAX_FIELDS or any(_n_options(field) > MAX_OPTIONS for field in form.fields):
        return asking.Unavailable(
            f"The form is too long to ask: at most {MAX_FIELDS} fields with {MAX_OPTIONS} options each. Ask "
            "for less at once."
        )
    shown = asking.Form(
        _clean(form.message, MAX_MESSAGE), tuple(_shown_field(field) for field in form.fields)
    )
    problem = ""
    for _ in range(2):
        again = msgspec.structs.replace(shown, message=f"{problem}\n\n{shown.message}") if problem else shown
        answer = await asker.ask(scope.session_id, scope.call_id, again)
        if not isinstance(answer, asking.Accepted):
            return answer
        values = fitting(form, answer.values)
        problem = misfit(form, values)
        if not problem:
            return asking.Accepted(values)
    logger.warning("the answer to a form does not fit its fields and counts as declined: %s", problem)
    return asking.Declined()


async def _visit(visit: asking.Visit, asker: Asker, scope: Scope) -> asking.Answer:
    refused = why_not_visit(visit.url)
    if refused:
        return asking.Unavailable(f"The user was not asked to open the page: {refused}.")
    message = (
        f"{_clean(visit.message, MAX_MESSAGE)}\n\nPage to open: {visit.url}\nIt is at: {host_of(visit.url)}"
    )
    shown = msgspec.structs.replace(visit, message=message)
    return await asker.ask(scope.session_id, scope.call_id, shown)


def _shown_field(field: asking.Field) -> asking.Field:
    texts = {"title": _line(field.title, MAX_TITLE), "description": _clean(field.description, MAX_TITLE)}
    if isinstance(field, asking.OneField | asking.ManyField):
        options = tuple(asking.Option(one.value, _line(one.label, MAX_LABEL)) for one in field.options)
        return msgspec.structs.replace(field, **texts, options=options)
    return msgspec.structs.replace(field, **texts)


def _n_options(field: asking.Field) -> int:
    return len(field.options) if isinstance(field, asking.OneField | asking.ManyField) else 0


def _line(text: str, limit: int) -> str:
    return _clean(" ".join(text.split()), limit)


def _clean(text: str, limit: int) -> str:
    """`text` without characters that act or hide, of at most `limit` characters."""
    plain = "".join(char for char in text if char.isprintable() or char in "\n\t")
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"
