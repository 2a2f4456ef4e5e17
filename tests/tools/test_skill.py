"""`skill` and `search_skills`: what is shown, and what the model is told."""

import pytest

from acp_agent.base.errors import ToolError
from acp_agent.model.content import shown_text
from acp_agent.model.permission import Access
from acp_agent.model.skill import Skill
from acp_agent.tools.skill import SearchSkillsTool, SkillTool, skill_tools

PDF = Skill("pdf", "Fills in forms.", "Fill in $ARGUMENTS.")


class Shelf:
    fits_catalogue = True

    def take(self, name):
        if name != "pdf":
            raise ToolError(f"there is no skill `{name}`")
        return PDF

    def search(self, words):
        return [PDF] if "form" in words else []


def test_searching_is_offered_only_if_there_are_too_many_to_list():
    few, many = Shelf(), Shelf()
    many.fits_catalogue = False
    assert [tool.spec.name for tool in skill_tools(few)] == ["skill"]
    assert [tool.spec.name for tool in skill_tools(many)] == ["skill", "search_skills"]


async def test_the_text_is_told_with_what_it_is_for(context):
    tool = SkillTool(Shelf())
    outcome = await tool.run({"skill_name": "pdf", "prompt": "it's tax.pdf"}, context)
    assert outcome.for_model[0].text == (
        "Fill in it's tax.pdf.\n\n(These are the instructions of the skill `pdf`.)"
    )
    assert outcome.display == (shown_text("Fills in forms."),)
    preview = await tool.preview({"skill_name": "pdf"}, context)
    assert (preview.title, preview.access) == ("Use skill `pdf`", Access("none", "skill pdf"))


async def test_an_unknown_skill_is_an_error_for_the_model(context):
    with pytest.raises(ToolError, match="there is no skill `x`"):
        await SkillTool(Shelf()).run({"skill_name": "x"}, context)
    with pytest.raises(ToolError):
        await SkillTool(Shelf()).preview({"name": "x"}, context)


async def test_a_search_names_what_fits(context):
    tool = SearchSkillsTool(Shelf())
    assert (await tool.run({"query": "form"}, context)).for_model[0].text == "- pdf: Fills in forms."
    assert "no skill fits" in (await tool.run({"query": "zebra"}, context)).for_model[0].text
    assert (await tool.preview({"query": "form"}, context)).title == "Search skills for `form`"
