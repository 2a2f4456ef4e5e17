"""The tools of one session at this moment: built in, of subagents, from sources; less what rules remove."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from acp_agent.engine.journal import Journal
from acp_agent.engine.permission.rules import Rules, session_rules
from acp_agent.engine.session_parts import SessionParts
from acp_agent.engine.skills.shelf import Skills
from acp_agent.engine.sources import SourceSet
from acp_agent.engine.state import SessionState
from acp_agent.engine.subagents.delegation import Subagents
from acp_agent.engine.turns.leaving_plan import leaves_plan
from acp_agent.model.surroundings import Surroundings
from acp_agent.ports import Tool


class Toolbox:
    """What a session's model can call. `look` finds what is around, `rules` says what the settings rule."""

    def __init__(
        self,
        parts: SessionParts,
        sources: SourceSet,
        subagents: Subagents,
        *,
        state: SessionState,
        journal: Journal,
        look: Callable[[], Awaitable[object]],
        rules: Callable[[], Rules],
    ) -> None:
        self.skills = Skills(parts)
        self._builtin = parts.tools
        self._sources = sources
        self._subagents = subagents
        self._state = state
        self._journal = journal
        self._look = look
        self._rules = rules

    def learn(self, found: Surroundings) -> None:
        """Know the subagents and skills there are by now."""
        self._subagents.learn(found.agents)
        self.skills.learn(found.commands.skills)

    def offered(self) -> dict[str, Tool]:
        """All there are by name, those included that rules or the mode remove; the first of a name has it."""
        of_session = (*self._subagents.tools, *self.skills.tools)
        tools = {**self._builtin, **{tool.spec.name: tool for tool in of_session}}
        for tool in self._sources.tools():
            tools.setdefault(tool.spec.name, tool)
        return tools

    def rules_in_force(self) -> Rules:
        """What the settings and the user, in this session, say about calls."""
        return self.skills.narrow(self._rules().joined(session_rules(self._state.rules)))

    async def join(self) -> Mapping[str, Tool]:
        """What the model can call next, once sources are ready; why something is missing is recorded."""
        await self._look()
        for problem in (*await self._sources.join(), *self._subagents.take_news()):
            await self._journal.record(problem)
        rules = self.rules_in_force()
        return {
            name: tool
            for name, tool in self.offered().items()
            if not rules.removes(name) and (self._state.mode == "plan" or not leaves_plan(tool))
        }
