"""Whether what came back fits the form it answers."""

from __future__ import annotations

import math
from datetime import date, datetime
from typing import assert_never
from urllib.parse import urlsplit

from acp_agent.model import question as asking

MAX_TEXT = 100_000
"""Characters of one answer."""


def fitting(form: asking.Form, given: asking.Values) -> dict[str, asking.FieldValue]:
    """The values of the form's own fields, in their order; text boxes left empty count as left out."""
    return {
        field.name: _as_number(field, given[field.name])
        for field in form.fields
        if field.name in given and not (given[field.name] == "" and not field.required)
    }


def misfit(form: asking.Form, values: asking.Values) -> str:
    """What is wrong with the first value that does not fit, as a sentence for the user; empty if all do."""
    for field in form.fields:
        value = values.get(field.name)
        title = field.title or field.name
        if value is None:
            if field.required:
                return f"“{title}” is needed."
            continue
        wanted = _wanted(field, value)
        if wanted:
            return f"“{title}” must be {wanted}."
    return ""


def _as_number(field: asking.Field, value: asking.FieldValue) -> asking.FieldValue:
    """Whole numbers as such: `3.0` is how some clients write 3."""
    if isinstance(field, asking.IntegerField) and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _wanted(field: asking.Field, value: asking.FieldValue) -> str:
    """What the value should have been; empty if it is that."""
    match field:
        case asking.TextField():
            return _wanted_text(field, value)
        case asking.IntegerField():
            whole = isinstance(value, int) and not isinstance(value, bool)
            return _within(value, field.minimum, field.maximum) if whole else "a whole number"
        case asking.NumberField():
            finite = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            return _within(value, field.minimum, field.maximum) if finite else "a number"
        case asking.SwitchField():
            return "" if isinstance(value, bool) else "yes or no"
        case asking.OneField():
            return "" if value in {option.value for option in field.options} else "one of the options"
        case asking.ManyField():
            return _wanted_items(field, value)
        case _:
            assert_never(field)


def _wanted_text(field: asking.TextField, value: asking.FieldValue) -> str:
    if not isinstance(value, str):
        return "text"
    longest = MAX_TEXT if field.max_length is None else min(field.max_length, MAX_TEXT)
    if len(value) > longest:
        return f"at most {longest} characters long"
    if field.min_length is not None and len(value) < field.min_length:
        return f"at least {field.min_length} characters long"
    match field.format:
        case None:
            return ""
        case "email":
            name, at, domain = value.rpartition("@")
            return "" if name and at and domain and not any(map(str.isspace, value)) else "an email address"
        case "uri":
            return "" if _is_uri(value) else "an address such as `https://example.org/`"
        case "date":
            return "" if _is_iso(value, time=False) else "a date such as 2026-01-31"
        case "date-time":
            return "" if _is_iso(value, time=True) else "a date and time such as 2026-01-31T12:00:00Z"


def _wanted_items(field: asking.ManyField, value: asking.FieldValue) -> str:
    if not isinstance(value, tuple) or not set(value) <= {option.value for option in field.options}:
        return "some of the options"
    if len(set(value)) != len(value):
        return "different options"
    if field.min_items is not None and len(value) < field.min_items:
        return f"at least {field.min_items} of the options"
    if field.max_items is not None and len(value) > field.max_items:
        return f"at most {field.max_items} of the options"
    return ""


def _within(value: asking.FieldValue, low: float | None, high: float | None) -> str:
    if not isinstance(value, int | float):
        return "a number"
    if low is not None and value < low:
        return f"at least {low:g}"
    if high is not None and value > high:
        return f"at most {high:g}"
    return ""


def _is_uri(value: str) -> bool:
    try:
        return bool(urlsplit(value).scheme) and not any(map(str.isspace, value))
    except ValueError:
        return False


def _is_iso(value: str, *, time: bool) -> bool:
    try:
        if not time:
            return date.fromisoformat(value).isoformat() == value
        return datetime.fromisoformat(value).tzinfo is not None and "T" in value.upper()
    except ValueError:
        return False
