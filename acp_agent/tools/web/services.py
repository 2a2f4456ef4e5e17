"""The search services that can be asked: how each wants to be asked, and where its answer holds the links."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias
from urllib.parse import urlencode

import msgspec

from acp_agent.base.jsontext import JsonValue, dump

SearchKind: TypeAlias = Literal["brave", "tavily", "searxng"]

_BRAVE_MOST = 20  # results of one request
_TAVILY_MOST = 20


class SearchRequest(msgspec.Struct, frozen=True):
    """One request; a GET if there is no `body`. Its headers hold the key."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Found(msgspec.Struct, frozen=True):
    """One result, as the service says it."""

    url: str
    title: str
    text: str


class SearchService(Protocol):
    """A search service with its address and its key."""

    def request(self, query: str, limit: int) -> SearchRequest:
        """What to send."""
        ...

    def found(self, answer: JsonValue) -> list[Found]:
        """The results in an answer; what is not understood is left out."""
        ...


class _Brave:
    def __init__(self, base_url: str, key: Callable[[], str]) -> None:
        self._url, self._key = base_url, key

    def request(self, query: str, limit: int) -> SearchRequest:
        asked = urlencode({"q": query, "count": min(limit, _BRAVE_MOST)})
        return SearchRequest(
            f"{self._url}/res/v1/web/search?{asked}", (("x-subscription-token", self._key()),)
        )

    def found(self, answer: JsonValue) -> list[Found]:
        return _results(_member(answer, "web"), "description")


class _Tavily:
    def __init__(self, base_url: str, key: Callable[[], str]) -> None:
        self._url, self._key = base_url, key

    def request(self, query: str, limit: int) -> SearchRequest:
        body = dump({"query": query, "max_results": min(limit, _TAVILY_MOST)})
        return SearchRequest(f"{self._url}/search", (("authorization", f"Bearer {self._key()}"),), body)

    def found(self, answer: JsonValue) -> list[Found]:
        return _results(answer, "content")


class _Searxng:
    def __init__(self, base_url: str, key: Callable[[], str]) -> None:
        self._url, self._key = base_url, key

    def request(self, query: str, limit: int) -> SearchRequest:
        key = self._key()
        headers = (("authorization", f"Bearer {key}"),) if key else ()
        return SearchRequest(f"{self._url}/search?{urlencode({'q': query, 'format': 'json'})}", headers)

    def found(self, answer: JsonValue) -> list[Found]:
        return _results(answer, "content")


def search_service(kind: SearchKind, base_url: str, key: Callable[[], str]) -> SearchService:
    """The service of this kind at `base_url`, which ends without a slash; `key` gives the key, or nothing."""
    match kind:
        case "brave":
            return _Brave(base_url, key)
        case "tavily":
            return _Tavily(base_url, key)
        case "searxng":
            return _Searxng(base_url, key)


def _results(answer: JsonValue, text: str) -> list[Found]:
    results = _member(answer, "results")
    return [
        Found(_text(one, "url"), _text(one, "title"), _text(one, text))
        for one in (results if isinstance(results, list) else [])
    ]


def _member(value: JsonValue, name: str) -> JsonValue:
    return value.get(name) if isinstance(value, dict) else None


def _text(value: JsonValue, name: str) -> str:
    found = _member(value, name)
    return found if isinstance(found, str) else ""
