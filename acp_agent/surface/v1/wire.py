"""Version 1 parameters as clients send them, checked by pydantic: the ground the models stand on.

Lenient where the schema is: unknown members are ignored, optional members of a wrong type count as absent.
Strict where a mistake would be costly: ids, paths, content.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeVar

import pydantic
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticUseDefault

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.rpc.errors import invalid_params
from acp_agent.rpc.peer import object_params

MAX_PATH = 4096
BLOCK_TYPES = ("text", "image", "audio", "resource_link", "resource")

ParamsT = TypeVar("ParamsT", bound=BaseModel)


class Wire(BaseModel):
    """Base of everything received: camelCase outside, snake_case inside, built on first use."""

    model_config = ConfigDict(
        alias_generator=to_camel, defer_build=True, extra="ignore", frozen=True, strict=True
    )


def _absolute(path: str) -> str:
    if "\0" in path:
        raise ValueError("must not contain a NUL character")
    if len(path) > MAX_PATH:
        raise ValueError(f"must not be longer than {MAX_PATH} characters")
    if not Path(path).is_absolute():
        raise ValueError("must be an absolute path")
    return path


def _default_for_null(value: Any) -> Any:
    if value is None:
        raise PydanticUseDefault
    return value


def _object_or_none(value: Any) -> JsonObject | None:
    return value if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType]


def _optional_size(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _optional_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


AbsolutePath = Annotated[str, AfterValidator(_absolute)]
OptionalText = Annotated[str | None, BeforeValidator(_optional_text)]
OptionalSize = Annotated[int | None, BeforeValidator(_optional_size)]
NullIsDefault = BeforeValidator(_default_for_null)
NOT_EMPTY = Field(min_length=1)
Meta = Annotated[JsonObject | None, Field(alias="_meta"), BeforeValidator(_object_or_none)]
TYPE_DECIDES = Field(discriminator="type")


def read(model: type[ParamsT], params: JsonValue) -> ParamsT:
    """The params as this model.

    Raises:
        RpcError: invalid params, naming the first wrong field by its path.
    """
    try:
        return model.model_validate(object_params(params))
    except pydantic.ValidationError as exc:
        first = exc.errors(include_url=False, include_context=False, include_input=False)[0]
        raise invalid_params(_path(first["loc"]), first["msg"].removeprefix("Value error, ")) from None


def _path(location: tuple[int | str, ...]) -> str:
    text = ""
    after_index = False
    for step in location:
        if isinstance(step, int):
            text += f"[{step}]"
        elif not (after_index and step in BLOCK_TYPES):  # that step is pydantic's name for the union's arm
            text += f".{step}" if text else step
        after_index = isinstance(step, int)
    return text
