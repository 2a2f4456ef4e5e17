"""Where a session looks for what files say to it, and what its program adds to that."""

from __future__ import annotations

from acp_agent.model.skill import Skill
from acp_agent.sdk.embed.opening.parts import Plan
from acp_agent.sdk.folders.surroundings import Folders


def folders_of(plan: Plan) -> Folders:
    """The folders of the user, the project, the settings and the options, and what is in no folder.

    Raises:
        ConfigInvalid: a skill of the program cannot be used.
    """
    return Folders(
        plan.places,
        plan.cwd,
        skills=plan.skill_dirs,
        agents=plan.agent_dirs,
        given_agents=plan.workers,
        inline_skills=_inline(plan),
        builtin_skills=_builtin(plan),
    )


def _inline(plan: Plan) -> tuple[Skill, ...]:
    if not plan.options.inline_skills:
        return ()
    from acp_agent.sdk.embed.options.inline_skills import inline_skills  # lazy: most sessions bring none

    return inline_skills(plan.options.inline_skills)


def _builtin(plan: Plan) -> tuple[Skill, ...]:
    if not plan.builtin_skills:
        return ()
    from acp_agent.engine.skills.builtin import BUILTIN_SKILLS  # lazy: only for those who want them

    return BUILTIN_SKILLS
