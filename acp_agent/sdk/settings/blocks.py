"""Settings written in blocks, `providers "openai" { … }`: HCL and its kin ACL, as far as settings need it.

    body    (attribute | block)*
    attribute   name (= | :) value
    block   name "label"* { body }
    value   "text" | 'text' | number | true | false | null | env("NAME")
            | [value, …] | { name (= | :) value, … }

`#`, `//` and `/* */` are comments. A body becomes an object; blocks of one name become a list of
objects, each with its labels under `LABELS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from acp_agent.base.errors import ConfigError
from acp_agent.base.jsontext import JsonObject, JsonValue

LABELS = "*labels"
"""The key of a block's labels; no name can be it."""

MAX_DEPTH = 50

_TOKEN = re.compile(
    r"""(?P<skip>[ \t\r\n]+|\#[^\n]*|//[^\n]*|/\*.*?\*/)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<name>[A-Za-z_][\w.-]*)
      | (?P<mark>[{}\[\]()=:,])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}


def parse_blocks(text: str, where: str, env: Mapping[str, str]) -> JsonObject:
    """The settings in `text`; `env` answers `env("NAME")`.

    Raises:
        ConfigError: it is not written so, or a variable is not set; names `where` and the line.
    """
    return _Reader(text, where, env).document()


class _Reader:
    def __init__(self, text: str, where: str, env: Mapping[str, str]) -> None:
        self._where = where
        self._env = env
        self._tokens: list[tuple[str, str, int]] = []  # kind, text, line
        self._at = 0
        position, line = 0, 1
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                odd = "a text that has no end" if text[position] in "\"'" else f"`{text[position]}`"
                raise ConfigError(f"`{where}`: line {line}: unexpected {odd}")
            if match.lastgroup != "skip":
                self._tokens.append((match.lastgroup, match[0], line))
            line += match[0].count("\n")
            position = match.end()
        self._tokens.append(("end", "the end", line))

    def document(self) -> JsonObject:
        body = self._body(0)
        if self._kind != "end":
            raise self._unexpected("a setting")
        return body

    @property
    def _kind(self) -> str:
        return self._tokens[self._at][0]

    @property
    def _text(self) -> str:
        return self._tokens[self._at][1]

    def _next(self) -> str:
        text = self._text
        self._at += 1
        return text

    def _take(self, *marks: str) -> bool:
        if self._kind == "mark" and self._text in marks:
            self._at += 1
            return True
        return False

    def _expect(self, mark: str) -> None:
        if not self._take(mark):
            raise self._unexpected(f"`{mark}`")

    def _body(self, depth: int) -> JsonObject:
        body: JsonObject = {}
        while self._kind == "name":
            line = self._tokens[self._at][2]
            name = self._next()
            if self._take("=", ":"):
                if name in body:
                    raise ConfigError(f"`{self._where}`: line {line}: `{name}` is there twice")
                body[name] = self._value(depth + 1)
                self._take(",")
                continue
            labels: list[JsonValue] = []
            labels += self._labels()
            self._expect("{")
            if depth > MAX_DEPTH:
                raise ConfigError(f"`{self._where}`: line {line}: too many blocks within each other")
            block = self._body(depth + 1)
            self._expect("}")
            if labels:
                block[LABELS] = labels
            others = body.setdefault(name, [])
            if not isinstance(others, list):
                raise ConfigError(f"`{self._where}`: line {line}: `{name}` is a setting and a block")
            others.append(block)
        return body

    def _labels(self) -> Iterator[str]:
        while self._kind == "string":
            yield _unquoted(self._next())

    def _value(self, depth: int) -> JsonValue:
        if depth > MAX_DEPTH:
            raise self._unexpected("less within each other")
        if self._kind == "string":
            return _unquoted(self._next())
        if self._kind == "number":
            text = self._next()
            return float(text) if any(char in text for char in ".eE") else int(text)
        if self._kind == "name":
            return self._word()
        if self._take("["):
            return self._items(depth)
        if self._take("{"):
            return self._members(depth)
        raise self._unexpected("a value")

    def _items(self, depth: int) -> list[JsonValue]:
        items: list[JsonValue] = []
        while not self._take("]"):
            items.append(self._value(depth + 1))
            if not self._take(","):
                self._expect("]")
                break
        return items

    def _members(self, depth: int) -> JsonObject:
        members: JsonObject = {}
        while not self._take("}"):
            if self._kind not in ("name", "string"):
                raise self._unexpected("a name")
            name = self._next()
            name = _unquoted(name) if name[0] in "\"'" else name
            if not self._take("=", ":"):
                raise self._unexpected("`=`")
            members[name] = self._value(depth + 1)
            self._take(",")
        return members

    def _word(self) -> JsonValue:
        line = self._tokens[self._at][2]
        word = self._next()
        if word in _WORDS:
            return _WORDS[word]
        if word != "env":
            raise ConfigError(f"`{self._where}`: line {line}: unknown word `{word}`; put texts in quotes")
        self._expect("(")
        if self._kind != "string":
            raise self._unexpected("the name of a variable in quotes")
        name = _unquoted(self._next())
        self._expect(")")
        value = self._env.get(name)
        if value is None:
            raise ConfigError(
                f"`{self._where}`: line {line}: the environment variable `{name}` is not set",
                hint=f"set `{name}`, or write the value",
            )
        return value

    def _unexpected(self, wanted: str) -> ConfigError:
        kind, text, line = self._tokens[self._at]
        shown = "a text" if kind == "string" else text if kind == "end" else f"`{text}`"
        return ConfigError(f"`{self._where}`: line {line}: expected {wanted}, not {shown}")


def _unquoted(text: str) -> str:
    def plain(match: re.Match[str]) -> str:
        escape = match[1]
        return chr(int(escape[1:], 16)) if len(escape) == 5 else _ESCAPED.get(escape, escape)

    return _ESCAPE.sub(plain, text[1:-1])
