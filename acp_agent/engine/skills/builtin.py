"""Skills that come with the agent, for those who want them."""

from __future__ import annotations

from acp_agent.model.skill import Skill

_READING = ("read", "ls", "glob", "grep")

BUILTIN_SKILLS: tuple[Skill, ...] = (
    Skill(
        "code-search",
        "Find where something is defined, used or decided in a code base.",
        """\
# Search code

1. Write down what would prove that you found it: a definition, a call, a route, a message.
2. Begin with the rarest word there is: an error text, a constant, a name nobody else would choose. Search the
   whole tree for it with `grep`; narrow by file kind only when there is too much.
3. From a hit go to the definition, and from there to the callers. Names change at borders (routes, queues,
   templates, settings): search the other spelling too, with dashes, underscores, quotes.
4. Read around each hit before you trust it. Tests and documents tell what is meant, the code what happens.
5. Answer with paths and lines, the few lines that prove it, and what you searched for in vain.

$ARGUMENTS""",
        origin="built in",
        hint="what to find",
        allowed_tools=_READING,
    ),
    Skill(
        "code-review",
        "Review a change or a file: faults first, each one checked, with place and consequence.",
        """\
# Review code

1. Find out what the change is for. Read the whole of each function that it touches, and who calls it.
2. For each changed line ask what breaks it: empty and huge input, a missing file, two at once, a failure half
   way, an old client, hostile input. Follow values from where they come in to where they are used.
3. Compare promise and deed: names, comments, types, documents, tests. A test that cannot fail is a finding.
4. Check every suspicion in the code before you report it; drop those you cannot show.
5. Report the worst first: place, what goes wrong, when, and the smallest remedy. Leave taste out. Say plainly
   if there is nothing.

$ARGUMENTS""",
        origin="built in",
        hint="what to review",
        allowed_tools=(*_READING, "Bash(git diff:*)", "Bash(git log:*)", "Bash(git show:*)"),
    ),
    Skill(
        "explain-code",
        "Explain how a piece of code works, from its purpose down to the surprising details.",
        """\
# Explain code

1. Read it whole, then its callers and its tests. Run nothing and change nothing.
2. Say in one sentence what it is for, in the words of those who use it.
3. Follow one real case through it from beginning to end, with paths and lines; a short list is enough.
4. Then what is not obvious: what must hold before, what is kept between calls, what happens on failure, why
   it is not done the simple way, as far as the code or its history says so. Mark guesses as guesses.
5. End with where one would change it for the most likely wish.

$ARGUMENTS""",
        origin="built in",
        hint="what to explain",
        allowed_tools=_READING,
    ),
    Skill(
        "find-bugs",
        "Hunt for faults in code that nobody has complained about yet, and prove each one.",
        """\
# Find bugs

1. List the places where things go wrong: parsing, arithmetic on sizes and dates, concurrency, cleaning up,
   retries, permissions, anything that was changed often or copied.
2. Take one place at a time. State what it promises, then look for an input, an order of events or a failure
   that breaks the promise. Read what it calls rather than trust its name.
3. Prove it: a failing test or a short run if you may run things, else the exact steps through the code.
4. Look for the same mistake elsewhere; search for its shape.
5. Report each one with place, the case that shows it, consequence and remedy, the worst first. Do not repair
   what you were not asked to.

$ARGUMENTS""",
        origin="built in",
        hint="where to look",
        allowed_tools=(*_READING, "bash"),
    ),
)
