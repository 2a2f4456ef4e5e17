"""Forms as `elicitation/create` sends them, and the values that come back."""

from __future__ import annotations

from typing import assert_never

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.model import question as asking
from acp_agent.surface.v1.content_projection import without_none


def requested_schema(form: asking.Form) -> JsonObject:
    """The form's fields as an `ElicitationSchema`."""
    return {
        "type": "object",
        "properties": {field.name: _property(field) for field in form.fields},
        "required": [field.name for field in form.fields if field.required],
    }


def values_in(content: JsonValue) -> dict[str, asking.FieldValue]:
    """The values of an accepted form; members of types no field can have are left out."""
    values: dict[str, asking.FieldValue] = {}
    for name, value in content.items() if isinstance(content, dict) else ():
        if isinstance(value, (str, bool, int, float)):
            values[name] = value
        elif isinstance(value, list):
            values[name] = tuple(item for item in value if isinstance(item, str))
    return values


def _property(field: asking.Field) -> JsonObject:
    described = {"title": field.title or None, "description": field.description or None}
    match field:
        case asking.TextField():
            own: JsonObject = {
                "type": "string",
                "minLength": field.min_length,
                "maxLength": field.max_length,
                "pattern": field.pattern,
                "format": field.format,
                "default": field.default,
            }
        case asking.NumberField() | asking.IntegerField():
            own = {
                "type": "integer" if isinstance(field, asking.IntegerField) else "number",
                "minimum": field.minimum,
                "maximum": field.maximum,
                "default": field.default,
            }
        case asking.SwitchField():
            own = {"type": "boolean", "default": field.default}
        case asking.OneField():
            own = {"type": "string", "oneOf": _options(field.options), "default": field.default}
        case asking.ManyField():
            own = {
                "type": "array",
                "items": {"anyOf": _options(field.options)},
                "minItems": field.min_items,
                "maxItems": field.max_items,
                "default": [*field.default] or None,
            }
        case _:
            assert_never(field)
    return without_none({**own, **described})


def _options(options: tuple[asking.Option, ...]) -> list[JsonValue]:
    return [{"const": option.value, "title": option.label} for option in options]
