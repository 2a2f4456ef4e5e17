"""Writes `docs/sdk/reference.md` from the signatures and docstrings of the library.

    python -m docs.reference

A test compares the page with what this makes, so run it after every change of the interface.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

import acp_agent
from acp_agent.sdk.embed import errors
from acp_agent.sdk.embed.options.fields import ALIASES, OptionFields
from acp_agent.sdk.embed.options.session_options import SessionOptions

PAGE = Path(__file__).with_name("sdk") / "reference.md"

HEAD = """\
# API reference

Made by `python -m docs.reference`; do not edit. All names are in `acp_agent`.

`Agent` and `Session` have the methods of `AsyncAgent` and `AsyncSession` with the same names, parameters and
results, and wait for them: leave `await` away. `EventStream` is the blocking form of `AsyncEventStream`.
"""

BLOCKING = {"Agent": "AsyncAgent", "Session": "AsyncSession", "EventStream": "AsyncEventStream"}
"""Classes that are described where their async form is."""

FIRST = ("AsyncAgent", "AsyncSession", "AsyncEventStream", "SessionOptions")
BOUNDED = re.compile(r"Annotated\[(\w+), msgspec\.Meta\([^)]*\)\]")
SECTION = re.compile(r"^(Attributes|Args|Raises):$", re.MULTILINE)


def render() -> str:
    """The whole page."""
    names = [name for name in dir(acp_agent) if not name.startswith("__") and name not in BLOCKING]
    kinds = {
        name: getattr(acp_agent, name) for name in (*FIRST, *sorted(set(names) - set(FIRST), key=str.lower))
    }
    parts = [HEAD]
    for name, kind in kinds.items():
        if not _is_error(kind):
            parts += _described(name, kind)
    return re.sub(r"\n{3,}", "\n\n", "\n".join((*parts, *_errors()))).rstrip() + "\n"


def _described(name: str, kind: Any) -> Iterator[str]:
    yield f"\n## {name}\n"
    if kind is SessionOptions:
        yield from _options()
    elif inspect.isclass(kind):
        yield _text(kind)
        if issubclass(kind, msgspec.Struct):
            yield from _fields(kind)
        yield from _methods(kind)
    else:
        yield f"`{name}{_signature(kind)}`\n"
        yield _text(kind)


def _options() -> Iterator[str]:
    yield "How a session is to be: keyword arguments, attributes, a mapping, or a chain of `with_…`.\n"
    yield "What is None, the default of all, is as the settings say, or as the resumed session was.\n"
    meanings = _items(inspect.getdoc(SessionOptions) or "", "Attributes")
    yield "| option | type | meaning |"
    yield "|---|---|---|"
    for name, annotation in OptionFields.__annotations__.items():
        kind = _plain(annotation).removesuffix(" | None")
        yield f"| `{name}` | `{_cell(kind)}` | {_cell(meanings.get(name, ''))} |"
    yield (
        "\nOther names: "
        + ", ".join(f"`{other}` for `{name}`" for other, name in sorted(ALIASES.items()))
        + ".\n"
    )


def _fields(kind: type[msgspec.Struct]) -> Iterator[str]:
    meanings = _items(inspect.getdoc(kind) or "", "Attributes")
    yield "\n| field | type | default | meaning |"
    yield "|---|---|---|---|"
    for field in msgspec.structs.fields(kind):
        default = (
            "" if field.required else "`{}`" if field.default is msgspec.NODEFAULT else f"`{field.default!r}`"
        )
        annotation = next(
            _plain(one.__annotations__[field.name]) for one in kind.__mro__ if _has(one, field.name)
        )
        meaning = _cell(meanings.get(field.name, ""))
        yield f"| `{field.name}` | `{_cell(annotation)}` | {_cell(default)} | {meaning} |"


def _has(kind: type, name: str) -> bool:
    return name in vars(kind).get("__annotations__", {})


def _methods(kind: type) -> Iterator[str]:
    for name in sorted(dir(kind)):
        member = inspect.getattr_static(kind, name)
        if name.startswith("_") or name in getattr(kind, "__struct_fields__", ()):
            continue
        if isinstance(member, property):
            yield f"\n### {kind.__name__}.{name}\n\n{_text(member)}"
        elif inspect.isroutine(getattr(kind, name)) and inspect.getdoc(getattr(kind, name)):
            method = getattr(kind, name)
            word = "await " if inspect.iscoroutinefunction(method) else ""
            yield f"\n### {kind.__name__}.{name}\n\n`{word}{name}{_signature(method)}`\n\n{_text(method)}"


def _errors() -> Iterator[str]:
    yield "\n## Errors\n"
    yield "All are `CodeError`; those without a name in `acp_agent` are in `acp_agent.sdk.embed.errors`.\n"
    yield "| error | `code` | meaning |"
    yield "|---|---|---|"
    for name, kind in sorted(vars(errors).items()):
        if _is_error(kind) and kind.__module__ == errors.__name__:
            yield f"| `{name}` | `{kind.code}` | {_cell(_sentence(kind))} |"


def _is_error(kind: Any) -> bool:
    return inspect.isclass(kind) and issubclass(kind, errors.CodeError)


def _signature(function: Any) -> str:
    signature = inspect.signature(function)
    shown = [one for one in signature.parameters.values() if one.name not in ("self", "cls")]
    kept = [one.replace(annotation=_Words(one.annotation)) for one in shown]
    returned = signature.return_annotation
    return str(inspect.Signature(kept, return_annotation=_Words(returned)))


class _Words:
    """An annotation that is shown as it was written."""

    def __init__(self, annotation: Any) -> None:
        self._text = _plain(annotation)

    def __repr__(self) -> str:
        return self._text


def _plain(annotation: Any) -> str:
    text = getattr(annotation, "__forward_arg__", annotation)
    text = text if isinstance(text, str) else inspect.formatannotation(annotation)
    return BOUNDED.sub(r"\1", text).replace("NotNegative", "int ≥ 0").replace("Positive", "int ≥ 1")


def _text(described: Any) -> str:
    """A docstring as Markdown; attributes have a table of their own."""
    parts = SECTION.split(inspect.getdoc(described) or "")
    shown = [parts[0].strip()]
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        if title == "Raises":
            items = _items(f"{title}:\n{body}", title)
            shown.append(
                "Raises: " + "; ".join(f"`{name}`, {why.rstrip('.')}" for name, why in items.items()) + "."
            )
        rest = re.sub(r"^( {4}.*\n?|\n)+", "", body.lstrip("\n")).strip()
        shown.append(rest)
    return "\n\n".join(part for part in shown if part) + "\n"


def _items(text: str, title: str) -> dict[str, str]:
    """The entries of a section of a docstring; several names may share one."""
    section = text.partition(f"{title}:\n")[2]
    found: dict[str, str] = {}
    names: Sequence[str] = ()
    for line in section.splitlines():
        if line and not line.startswith("    "):
            break
        match = re.fullmatch(r" {4}(\S.*?): (.*)", line) or re.fullmatch(r" {4}(\S[\w, ]*):()", line)
        if match and not line.startswith("     "):
            names = match[1].split(", ")
            found |= dict.fromkeys(names, match[2])
        elif line.strip():
            found |= {name: f"{found[name]} {line.strip()}".strip() for name in names}
    return found


def _sentence(described: Any) -> str:
    return (inspect.getdoc(described) or "").partition("\n\n")[0].replace("\n", " ")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
