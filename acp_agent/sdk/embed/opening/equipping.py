"""The aids that a session's options ask for: memory, context, security."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

import msgspec

from acp_agent.base.clock import Clock
from acp_agent.base.errors import FOREIGN_FAILURES
from acp_agent.base.ids import IdSource
from acp_agent.engine.agent_core import Defaults
from acp_agent.engine.aids.aids import NO_AIDS, Aids
from acp_agent.model.context import AidNews
from acp_agent.ports import SecurityProvider
from acp_agent.sdk.embed.opening.parts import Plan
from acp_agent.sdk.embed.options.session_options import SessionOptions

logger = logging.getLogger(__name__)

WITHHELD = "[withheld: the security provider failed]"
"""What stands for a text that could not be looked at."""

AID_OPTIONS = (
    *("memory", "memory_store", "memory_dir", "memory_config"),
    *("fs_context", "context_provider", "context_providers", "default_security", "security_provider"),
)


def equipped(defaults: Defaults, plan: Plan, clock: Clock, new_id: IdSource) -> Defaults:
    """The defaults with the aids of the options; those of the settings stay where the options say nothing.

    Raises:
        ConfigInvalid: one of them cannot be used.
    """
    options, configured = plan.options, defaults.equip
    if all(getattr(options, name) is None for name in AID_OPTIONS):
        return defaults
    from acp_agent.engine.memory.tiers import Memory  # lazy: few sessions have aids
    from acp_agent.sdk.embed.opening.context import context_providers  # lazy: as above
    from acp_agent.sdk.embed.opening.memory import memory_config, memory_store  # lazy: as above

    store, config = memory_store(options, plan.cwd, clock), memory_config(options)
    providers = context_providers(options, plan.cwd)
    security = security_of(options)

    def equip(tell: Callable[[AidNews], None]) -> Aids:
        base = NO_AIDS if configured is None else configured(tell)
        memory = base.memory
        if store is not None:
            memory = Memory(store, config=config, clock=clock, new_id=new_id, tell=tell)
        elif options.memory is False:
            memory = None
        others = () if options.fs_context is not None else base.providers
        return Aids(memory, (*others, *providers), security or base.security)

    return msgspec.structs.replace(defaults, equip=equip)


def security_of(options: SessionOptions) -> SecurityProvider | None:
    """Who watches over the session."""
    given = options.security_provider
    if given is not None:
        return HostSecurity(given)
    if not options.default_security:
        return None
    from acp_agent.engine.security.default import DefaultSecurity  # lazy: few sessions are watched over

    return DefaultSecurity()


class HostSecurity:
    """A provider of the program as the engine sees it: if it fails nothing gets through, and it is logged."""

    def __init__(self, provider: SecurityProvider) -> None:
        self._provider = provider

    def taint_input(self, text: str) -> Sequence[str]:
        """What the provider suspects."""
        with _logged("taint_input"):
            return self._provider.taint_input(text) or ()
        return ()

    def sanitize_output(self, text: str) -> str:
        """What the provider lets through."""
        with _logged("sanitize_output"):
            return self._provider.sanitize_output(text)
        return WITHHELD

    def wipe(self) -> None:
        """Let it forget."""
        with _logged("wipe"):
            self._provider.wipe()

    def teardown(self) -> None:
        """Tell it that nothing follows."""
        with _logged("teardown"):
            self._provider.teardown()


@contextmanager
def _logged(method: str) -> Generator[None]:
    try:
        yield
    except FOREIGN_FAILURES:
        logger.warning("`%s` of the security provider failed", method, exc_info=True)
