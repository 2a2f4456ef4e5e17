"""What is known besides the conversation: the options' files and providers, as the engine sees them."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import msgspec
from anyio import to_thread

from acp_agent import ports
from acp_agent.model.context import ContextItem
from acp_agent.ports import ContextQuery
from acp_agent.sdk.embed.options.context import ContextLike, ContextProvider
from acp_agent.sdk.embed.options.session_options import SessionOptions

T = TypeVar("T")


class HostContextProvider:
    """Such a provider as the engine sees it."""

    def __init__(self, provider: ContextProvider) -> None:
        self.name = str(getattr(provider, "name", "") or type(provider).__name__)
        self._provider = provider

    async def query(self, query: ContextQuery) -> list[ContextItem]:
        """What fits."""
        return [self._item(found) for found in await _called(self._provider.query, query) or ()]

    async def on_turn_complete(self, query: ContextQuery, answer: str) -> None:
        """Tell it, if it wants to know."""
        complete = getattr(self._provider, "on_turn_complete", None)
        if complete is not None:
            await _called(complete, query, answer)

    def _item(self, found: ContextLike) -> ContextItem:
        match found:
            case ContextItem():
                return found
            case str():
                return ContextItem(title=self.name, text=found)
            case _:
                return msgspec.convert({"title": self.name, **found}, ContextItem)


def context_providers(options: SessionOptions, base: Path) -> tuple[ports.ContextProvider, ...]:
    """The providers that the options name, files first."""
    found: list[ports.ContextProvider] = []
    folder = options.fs_context
    if folder is not None and folder is not False:
        from acp_agent.tools.context_files import FileContext  # lazy: few sessions search files unasked

        found.append(FileContext(None if folder is True else (base / folder).resolve()))
    single = () if options.context_provider is None else (options.context_provider,)
    others = (HostContextProvider(provider) for provider in (*single, *(options.context_providers or ())))
    return (*found, *others)


async def _called(method: Callable[..., T | Awaitable[T]], *args: object) -> T:
    if inspect.iscoroutinefunction(method):
        returned = method(*args)
    else:
        returned = await to_thread.run_sync(partial(method, *args), abandon_on_cancel=True)
    return await returned if inspect.isawaitable(returned) else cast("T", returned)


if TYPE_CHECKING:
    _: type[ports.ContextProvider] = HostContextProvider
