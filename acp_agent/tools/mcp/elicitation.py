"""Questions of an MCP server to the user: its form or page in our words, the user's answer in its words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias, TypeVar, assert_never

import anyio

from acp_agent.base.ids import random_id
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.model import question as asking
from acp_agent.tools.mcp.text import one_line
from acp_agent.tools.plaintext import plain

if TYPE_CHECKING:
    from collections.abc import Generator

    from mcp import MCPError
    from mcp.client import ClientRequestContext
    from mcp.types import ElicitRequestParams, ElicitResult, ErrorData

Ask: TypeAlias = Callable[[asking.Question], Awaitable[asking.Answer]]

MAX_MESSAGE = 4_000
"""Characters of a question."""

MAX_FIELDS = 50
"""Fields of a form."""

_FORMATS: Mapping[str, asking.TextFormat] = {
    "email": "email",
    "uri": "uri",
    "date": "date",
    "date-time": "date-time",
}

PlainT = TypeVar("PlainT", str, bool)


class Unaskable(ValueError):
    """Why a server's form is not shown to anybody."""


class Elicitation:
    """Asks the user what the server `name` asks: through the call that runs, or else through `ask`.

    `visited` is told when a page has served its purpose.
    """

    def __init__(self, name: str, ask: Ask, visited: Callable[[str], None]) -> None:
        self._name = one_line(name, 80)
        self._ask = ask
        self._visited = visited
        self._calls: list[Ask] = []  # those that run; if there are several, nobody knows which one asks
        self._open: set[anyio.CancelScope] = set()  # of the questions put while calls run
        self._visits: dict[str, str] = {}  # ours, by the server's own ids

    @contextmanager
    def during(self, ask: Ask) -> Generator[None]:
        """While the context is open, a call runs that has a way to ask of its own.

        Questions of calls that have all ended are withdrawn.
        """
        self._calls.append(ask)
        try:
            yield
        finally:
            self._calls.remove(ask)
            if not self._calls:
                for scope in tuple(self._open):
                    scope.cancel()

    async def answer(
        self, context: ClientRequestContext, params: ElicitRequestParams
    ) -> ElicitResult | ErrorData:
        """The user's answer; declined where nobody can be asked, an error if it must not be asked."""
        return await self._put(params)

    async def _put(self, params: ElicitRequestParams) -> ElicitResult | ErrorData:
        from mcp.types import INVALID_PARAMS, ElicitResult, ErrorData  # lazy: loaded before a server asks

        try:
            question = self._question(params)
        except Unaskable as exc:
            return ErrorData(code=INVALID_PARAMS, message=str(exc))
        answer = await self._answer_to(question)
        match answer:
            case asking.Accepted(values) if isinstance(question, asking.Form):
                names = {field.name for field in question.fields}
                content: dict[str, str | int | float | bool | list[str] | None] = {
                    name: list(value) if isinstance(value, tuple) else value
                    for name, value in values.items()
                    if name in names
                }
                return ElicitResult(action="accept", content=content)
            case asking.Accepted():
                return ElicitResult(action="accept")
            case asking.Declined() | asking.Unavailable():
                return ElicitResult(action="decline")
            case asking.Dismissed():
                return ElicitResult(action="cancel")
            case _:
                assert_never(answer)

    async def _answer_to(self, question: asking.Question) -> asking.Answer:
        ask = self._calls[0] if len(self._calls) == 1 else self._ask
        answer: asking.Answer = asking.Dismissed()
        with anyio.CancelScope() as scope:
            if self._calls:
                self._open.add(scope)
            try:
                answer = await ask(question)
            finally:
                self._open.discard(scope)
        return answer

    async def require(self, refusal: MCPError) -> str:
        """Put the questions that a server wants answered before it does anything; what came of it."""
        from mcp.types import ElicitationRequiredErrorData, ErrorData
        from pydantic import ValidationError

        try:
            wanted = ElicitationRequiredErrorData.model_validate(refusal.error.data)
        except ValidationError:
            return f"answered with an error: {refusal.message}"
        for params in wanted.elicitations:
            answer = await self._put(params)
            if isinstance(answer, ErrorData):
                return f"wants something of the user that they are not asked: {answer.message}"
            if answer.action != "accept":
                return f"wants the user to open a page first, and they did not: {params.message}"
        return "sent the user to a page first; repeat the call when they say that they are done there"

    def complete(self, elicitation_id: str) -> None:
        """The server has what it opened a page for."""
        visit_id = self._visits.pop(elicitation_id, None)
        if visit_id is not None:
            self._visited(visit_id)

    def _question(self, params: ElicitRequestParams) -> asking.Question:
        message = f"MCP server `{self._name}` asks: {plain(params.message).strip()[:MAX_MESSAGE]}"
        if params.mode == "form":
            return asking.Form(message, form_fields(params.requested_schema))
        visit_id = random_id("visit")
        if params.elicitation_id is not None:
            self._visits[params.elicitation_id] = visit_id
        return asking.Visit(message, params.url, visit_id)


def form_fields(schema: JsonObject) -> tuple[asking.Field, ...]:
    """The fields of a form that a server describes by a flat JSON Schema.

    Raises:
        Unaskable: it is none.
    """
    properties = schema.get("properties", {})
    required = schema.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        raise Unaskable("`requestedSchema` is not the schema of an object")
    if len(properties) > MAX_FIELDS:
        raise Unaskable(f"`requestedSchema` has more than {MAX_FIELDS} properties; ask for less at once")
    return tuple(_field(name, part, required=name in required) for name, part in properties.items())


def _field(name: str, part: JsonValue, *, required: bool) -> asking.Field:
    if not isinstance(part, dict):
        raise Unaskable(f"`requestedSchema.properties.{name}` is not an object")
    title, description = _text(part, "title"), _text(part, "description")
    about = {"name": name, "title": one_line(title, 200), "description": one_line(description, 1_000)}
    match part.get("type"):
        case "string":
            options = _options(part)
            if options:
                return asking.OneField(
                    **about, required=required, options=options, default=_plain(part, "default", str)
                )
            return asking.TextField(
                **about,
                required=required,
                min_length=_whole(part, "minLength"),
                max_length=_whole(part, "maxLength"),
                pattern=_plain(part, "pattern", str),
                format=_FORMATS.get(_text(part, "format")),
                default=_plain(part, "default", str),
            )
        case "integer":
            return asking.IntegerField(
                **about,
                required=required,
                minimum=_whole(part, "minimum"),
                maximum=_whole(part, "maximum"),
                default=_whole(part, "default"),
            )
        case "number":
            return asking.NumberField(
                **about,
                required=required,
                minimum=_number(part, "minimum"),
                maximum=_number(part, "maximum"),
                default=_number(part, "default"),
            )
        case "boolean":
            return asking.SwitchField(**about, required=required, default=_plain(part, "default", bool))
        case "array":
            return _many(about, part, required=required)
        case _:
            raise Unaskable(f"`requestedSchema.properties.{name}` is of no type that a form can ask for")


def _many(about: dict[str, str], part: JsonObject, *, required: bool) -> asking.ManyField:
    items = part.get("items")
    options = _options(items) if isinstance(items, dict) else ()
    if not options:
        raise Unaskable(f"`requestedSchema.properties.{about['name']}` does not say what can be chosen")
    default = part.get("default")
    chosen = tuple(value for value in default if isinstance(value, str)) if isinstance(default, list) else ()
    return asking.ManyField(
        **about,
        required=required,
        options=options,
        min_items=_whole(part, "minItems"),
        max_items=_whole(part, "maxItems"),
        default=chosen,
    )


def _options(part: JsonObject) -> tuple[asking.Option, ...]:
    """What can be chosen, in each of the ways a schema may say it."""
    values, names = part.get("enum"), part.get("enumNames")
    if isinstance(values, list):
        labels = names if isinstance(names, list) and len(names) == len(values) else values
        return tuple(
            asking.Option(value, one_line(str(label), 200))
            for value, label in zip(values, labels, strict=True)
            if isinstance(value, str)
        )
    titled = part.get("oneOf", part.get("anyOf"))
    found: list[asking.Option] = []
    for one in titled if isinstance(titled, list) else ():
        value = one.get("const") if isinstance(one, dict) else None
        if isinstance(one, dict) and isinstance(value, str):
            found.append(asking.Option(value, one_line(_text(one, "title") or value, 200)))
    return tuple(found)


def _text(part: JsonObject, key: str) -> str:
    value = part.get(key)
    return value if isinstance(value, str) else ""


def _plain(part: JsonObject, key: str, kind: type[PlainT]) -> PlainT | None:
    value = part.get(key)
    return value if isinstance(value, kind) else None


def _whole(part: JsonObject, key: str) -> int | None:
    value = part.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(part: JsonObject, key: str) -> float | None:
    value = part.get(key)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
