"""The rules of `ARCHITECTURE.md` that can be read off the source. Every rule is also seen to be broken."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "acp_agent"

LAYERS = (
    {"base"},
    {"rpc"},
    {"model"},
    {"ports"},
    {"engine"},
    {"providers", "tools", "workspaces", "stores", "surface"},
    {"sdk", "server", "client"},
    {"testing"},
    {"conformance"},
    {"cli"},
    {"__main__"},
)
"""From the floor up. A package imports from lower sets and from itself; its neighbours are strangers."""

MAX_LINES = 400
POSIX_ONLY = {"fcntl", "pwd", "grp", "termios", "tty", "pty", "resource", "syslog", "posix"}
HEAVY: dict[str, set[str]] = {
    "httpx": {"providers/transport.py"},
    "httpcore": {"providers/transport.py", "tools/web/connection.py"},
    "mcp": {"testing/demo_mcp.py"},
    "pydantic": {"surface/v1/wire.py", "testing/demo_mcp.py"},
    "pydantic_core": {"surface/v1/wire.py"},
    "jsonrpcserver": set(),
    "jsonschema": set(),
    "psycopg": set(),
    "opentelemetry": set(),
    "rich": set(),
}
"""Packages that take long to load, and the modules that may load them at once: they are loaded late."""

LOADED_LATE = {
    f"{PACKAGE}.providers.transport",
    f"{PACKAGE}.testing.demo_mcp",
    f"{PACKAGE}.tools.web.connection",
    f"{PACKAGE}.surface.v1.router",
}
"""Modules that must be imported inside functions only."""

PROGRAMS = {
    "tools/grep_worker.py",
    "testing/model_server.py",
    "testing/demo_mcp.py",
    "conformance/reference_agent.py",
    "conformance/clients/played_agent.py",
}
"""Modules that are processes of their own: their standard streams are theirs."""

MUTUAL = {
    frozenset(
        f"{PACKAGE}.client.{name}"
        for name in ("active_session", "connection", "dispatch", "sent", "session_builder")
    ),
}
"""Modules that need each other: what a handler of the client is given leads back to where it came from."""

CHANGING = {
    *("append", "extend", "insert", "remove", "pop", "clear", "add", "discard", "update", "setdefault"),
    *("popitem", "appendleft", "popleft", "sort", "reverse", "__setitem__"),
}


class Module(NamedTuple):
    """One source file; `path` is relative to the package."""

    path: str
    text: str
    tree: ast.Module

    @property
    def package(self) -> str:
        return self.path.partition("/")[0].removesuffix(".py")


class Import(NamedTuple):
    """One imported module; `at_once` unless inside a function or for type checkers only."""

    name: str
    line: int
    at_once: bool


Rule: TypeAlias = Callable[[Module], Iterator[tuple[int, str]]]


@cache
def modules(package: Path) -> tuple[Module, ...]:
    texts = {file: file.read_text(encoding="utf-8") for file in sorted(package.rglob("*.py"))}
    return tuple(
        Module(file.relative_to(package).as_posix(), text, ast.parse(text)) for file, text in texts.items()
    )


def imports(module: Module) -> Iterator[Import]:
    def visit(node: ast.AST, *, at_once: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            late = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or (
                isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            )
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(alias.name, child.lineno, at_once)
            elif isinstance(child, ast.ImportFrom) and child.level == 0:
                for alias in child.names:
                    yield Import(f"{child.module}.{alias.name}", child.lineno, at_once)
            yield from visit(child, at_once=at_once and not late)

    return visit(module.tree, at_once=True)


def layer_of(package: str) -> int | None:
    return next((number for number, names in enumerate(LAYERS) if package in names), None)


def imports_point_down(module: Module) -> Iterator[tuple[int, str]]:
    if module.path == "__init__.py":
        return
    own = layer_of(module.package)
    if own is None:
        yield 1, f"`{module.package}` stands in no layer"
        return
    for imported in imports(module):
        root, _, rest = imported.name.partition(".")
        target = rest.partition(".")[0]
        if root != PACKAGE or target in (module.package, "", "__version__"):
            continue
        layer = layer_of(target)
        if layer is None or layer >= own:
            yield imported.line, f"`{module.package}` must not import `{target}`"


def imports_are_absolute(module: Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield node.lineno, "relative import"


def json_rpc_has_never_heard_of_the_protocol(module: Module) -> Iterator[tuple[int, str]]:
    if module.package == "rpc":
        for number, line in enumerate(module.text.splitlines(), start=1):
            if "session/" in line:
                yield number, "`rpc` names a method of the protocol"


def the_engine_touches_the_world_through_ports_only(module: Module) -> Iterator[tuple[int, str]]:
    strangers = {
        "pydantic",
        "pydantic_core",
        "httpx",
        "mcp",
        "jsonrpcserver",
        "opentelemetry",
        "sqlite3",
        "subprocess",
        "socket",
    }
    if module.package in ("engine", "model", "ports"):
        for imported in imports(module):
            ours = imported.name.startswith((f"{PACKAGE}.rpc", f"{PACKAGE}.surface"))
            if ours or imported.name.partition(".")[0] in strangers:
                yield imported.line, f"`{module.package}` must not import `{imported.name}`"


def one_module_owns_the_standard_streams(module: Module) -> Iterator[tuple[int, str]]:
    if module.path == "rpc/stdio.py" or module.package == "cli" or module.path in PROGRAMS:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            standard = bool(node.args) and ast.unparse(node.args[0]) in ("0", "1")
            if name in ("os.dup", "os.dup2") or (
                standard and name in ("os.read", "os.write", "os.close", "os.fdopen", "open")
            ):
                yield node.lineno, f"`{ast.unparse(node)}` belongs into rpc/stdio.py"


def nothing_prints(module: Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module.tree):
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) in ("print", "sys.stdout.write")
            and module.package not in ("cli", "__main__")
            and module.path not in PROGRAMS
        ):
            yield node.lineno, "prints"


def tasks_live_in_task_groups(module: Module) -> Iterator[tuple[int, str]]:
    for imported in imports(module):
        if imported.name.partition(".")[0] == "asyncio":
            yield imported.line, "asyncio instead of anyio"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr in (
            "ensure_future",
            "get_event_loop",
            "run_coroutine_threadsafe",
        ):
            yield node.lineno, f"`{node.attr}` makes a task nobody owns"


def modules_stay_small(module: Module) -> Iterator[tuple[int, str]]:
    n_lines = len(module.text.splitlines())
    if n_lines > MAX_LINES:
        yield n_lines, f"more than {MAX_LINES} lines"


def no_error_is_swallowed(module: Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler):
            caught = "" if node.type is None else ast.unparse(node.type)
            silent = all(
                isinstance(line, ast.Pass | ast.Continue) or _is_ellipsis(line) for line in node.body
            )
            if not caught:
                yield node.lineno, "bare `except:`"
            elif silent and caught in ("Exception", "BaseException"):
                yield node.lineno, f"`except {caught}` says nothing"
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            everything = {ast.unparse(argument) for argument in node.args} & {"Exception", "BaseException"}
            if everything:
                yield node.lineno, "suppresses everything"


def _is_ellipsis(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is Ellipsis
    )


def no_state_lives_in_modules(module: Module) -> Iterator[tuple[int, str]]:
    containers: set[str] = set()
    for node in module.tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        makers = ("list", "dict", "set", "deque", "defaultdict", "bytearray", "Counter")
        is_container = isinstance(
            value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp
        ) or (isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] in makers)
        if isinstance(target, ast.Name) and is_container:
            containers.add(target.id)
    for node in ast.walk(module.tree):
        match node:
            case ast.Global():
                yield node.lineno, f"`global {', '.join(node.names)}`"
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attribute)):
                if name in containers and attribute in CHANGING:
                    yield node.lineno, f"changes the module's `{name}`"
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()) if name in containers:
                yield node.lineno, f"changes the module's `{name}`"
            case ast.AugAssign(target=ast.Name(id=name)) if name in containers:
                yield node.lineno, f"changes the module's `{name}`"
            case _:
                pass


def packages_say_what_they_are(module: Module) -> Iterator[tuple[int, str]]:
    if module.path.endswith("__init__.py"):
        docstring = ast.get_docstring(module.tree) or ""
        if not docstring:
            yield 1, "no docstring"
        elif module.path.count("/") == 1:
            said = " ".join(docstring.split()).lower()
            for part in ("must not know", "start reading"):
                if part not in said:
                    yield 1, f"the docstring does not say `{part}`"


def every_shield_of_the_engine_has_a_bound(module: Module) -> Iterator[tuple[int, str]]:
    if module.package != "engine":
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            name = ast.unparse(node.func).rpartition(".")[2]
            bounds = [ast.unparse(argument) for argument in node.args] + [keywords.get("deadline", "None")]
            if keywords.get("shield") == "True" and (
                name not in ("move_on_after", "fail_after", "CancelScope")
                or set(bounds) <= {"None", "math.inf"}
            ):
                yield node.lineno, "a shield without a bound"
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).endswith(".shield"):
            yield node.lineno, "a shield without a bound"


def the_platform_is_asked_first(module: Module) -> Iterator[tuple[int, str]]:
    for imported in imports(module):
        if imported.at_once and imported.name.partition(".")[0] in POSIX_ONLY:
            yield imported.line, f"`{imported.name}` does not exist on Windows"


def what_is_heavy_is_loaded_late(module: Module) -> Iterator[tuple[int, str]]:
    for imported in imports(module):
        if not imported.at_once:
            continue
        allowed = HEAVY.get(imported.name.partition(".")[0])
        if allowed is not None and module.path not in allowed:
            yield imported.line, f"`{imported.name}` is heavy"
        if any(f"{imported.name}.".startswith(f"{late}.") for late in LOADED_LATE):
            yield imported.line, f"`{imported.name}` is for later"


RULES: tuple[Rule, ...] = (
    imports_point_down,
    imports_are_absolute,
    json_rpc_has_never_heard_of_the_protocol,
    the_engine_touches_the_world_through_ports_only,
    one_module_owns_the_standard_streams,
    nothing_prints,
    tasks_live_in_task_groups,
    modules_stay_small,
    no_error_is_swallowed,
    no_state_lives_in_modules,
    packages_say_what_they_are,
    every_shield_of_the_engine_has_a_bound,
    the_platform_is_asked_first,
    what_is_heavy_is_loaded_late,
)


def violations(rule: Rule, package: Path) -> list[str]:
    return [f"{module.path}:{line}: {why}" for module in modules(package) for line, why in rule(module)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_holds(rule: Rule) -> None:
    assert violations(rule, ROOT / PACKAGE) == []


BROKEN: list[tuple[Rule, str, str]] = [
    (imports_point_down, "base/x.py", "import acp_agent.rpc.peer"),
    (imports_point_down, "rpc/x.py", "from acp_agent.model import events"),
    (imports_point_down, "model/x.py", "from acp_agent import ports"),
    (imports_point_down, "engine/x.py", "def f():\n    from acp_agent.stores.memory import MemoryStore"),
    (
        imports_point_down,
        "tools/x.py",
        "if TYPE_CHECKING:\n    from acp_agent.workspaces.local import LocalWorkspace",
    ),
    (imports_point_down, "server/x.py", "from acp_agent.sdk.agent import Agent"),
    (imports_point_down, "sdk/x.py", "from acp_agent.cli import main"),
    (imports_point_down, "novelty/x.py", "x = 1"),
    (imports_are_absolute, "rpc/x.py", "from . import peer"),
    (json_rpc_has_never_heard_of_the_protocol, "rpc/x.py", "METHOD = 'session/cancel'"),
    (the_engine_touches_the_world_through_ports_only, "engine/x.py", "import pydantic"),
    (the_engine_touches_the_world_through_ports_only, "model/x.py", "def f():\n    import httpx"),
    (the_engine_touches_the_world_through_ports_only, "ports/a.py", "from acp_agent.rpc.peer import Peer"),
    (one_module_owns_the_standard_streams, "server/x.py", "os.dup2(2, 1)"),
    (one_module_owns_the_standard_streams, "tools/x.py", "os.write(1, b'')"),
    (one_module_owns_the_standard_streams, "tools/x.py", "f = open(0)"),
    (nothing_prints, "engine/x.py", "print('here')"),
    (nothing_prints, "tools/x.py", "sys.stdout.write('here')"),
    (tasks_live_in_task_groups, "engine/x.py", "import asyncio"),
    (tasks_live_in_task_groups, "engine/x.py", "from asyncio import create_task"),
    (tasks_live_in_task_groups, "engine/x.py", "loop.ensure_future(f())"),
    (modules_stay_small, "engine/x.py", "x = 1\n" * 401),
    (no_error_is_swallowed, "tools/x.py", "try:\n    f()\nexcept:\n    log()"),
    (no_error_is_swallowed, "tools/x.py", "try:\n    f()\nexcept Exception:\n    pass"),
    (
        no_error_is_swallowed,
        "tools/x.py",
        "for x in y:\n    try:\n        f()\n    except Exception:\n        continue",
    ),
    (no_error_is_swallowed, "tools/x.py", "with contextlib.suppress(Exception):\n    f()"),
    (no_state_lives_in_modules, "tools/x.py", "CACHE = {}\ndef f():\n    CACHE['a'] = 1"),
    (no_state_lives_in_modules, "tools/x.py", "SEEN: set[str] = set()\ndef f():\n    SEEN.add('a')"),
    (no_state_lives_in_modules, "tools/x.py", "ALL = [1]\ndef f():\n    del ALL[0]"),
    (no_state_lives_in_modules, "tools/x.py", "count = 0\ndef f():\n    global count\n    count += 1"),
    (packages_say_what_they_are, "tools/__init__.py", "x = 1"),
    (packages_say_what_they_are, "tools/__init__.py", '"""Tools. Must not know: much."""'),
    (every_shield_of_the_engine_has_a_bound, "engine/x.py", "with anyio.CancelScope(shield=True):\n    f()"),
    (
        every_shield_of_the_engine_has_a_bound,
        "engine/x.py",
        "with move_on_after(None, shield=True):\n    f()",
    ),
    (every_shield_of_the_engine_has_a_bound, "engine/x.py", "scope.shield = True"),
    (the_platform_is_asked_first, "stores/x.py", "import fcntl"),
    (the_platform_is_asked_first, "stores/x.py", "if True:\n    from pwd import getpwuid"),
    (what_is_heavy_is_loaded_late, "providers/x.py", "import httpx"),
    (what_is_heavy_is_loaded_late, "surface/v1/router.py", "from pydantic import BaseModel"),
    (what_is_heavy_is_loaded_late, "surface/admission.py", "from jsonrpcserver import dispatch"),
    (what_is_heavy_is_loaded_late, "server/x.py", "from acp_agent.surface.v1.router import Router"),
    (what_is_heavy_is_loaded_late, "server/x.py", "from acp_agent.surface.v1 import router"),
]


@pytest.mark.parametrize(
    ("rule", "path", "code"), BROKEN, ids=[f"{rule.__name__}-{path}" for rule, path, _ in BROKEN]
)
def test_breaking_the_rule_is_noticed(rule: Rule, path: str, code: str, tmp_path: Path) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(code, encoding="utf-8")
    (found,) = violations(rule, tmp_path)
    assert found.startswith(f"{path}:")


def test_every_rule_is_seen_broken() -> None:
    assert {rule for rule, _, _ in BROKEN} == set(RULES)


KEPT = [
    (
        "surface/v1/router.py",
        "from acp_agent.engine.session import Session\nfrom acp_agent.rpc.peer import Peer",
    ),
    ("tools/x.py", "from acp_agent import __version__, ports\nfrom acp_agent.tools.paths import f"),
    ("server/x.py", "if TYPE_CHECKING:\n    from acp_agent.surface.v1.router import Router"),
    ("surface/x.py", "def f():\n    import jsonrpcserver"),
    ("engine/x.py", "with anyio.move_on_after(TIME, shield=True):\n    f()"),
    ("base/x.py", "def f():\n    import pwd"),
    (
        "tools/x.py",
        "NAMES = {}\ndef f():\n    return NAMES['a']\ndef g(NAMES2):\n    found = []\n    found.append(1)",
    ),
    ("tools/x.py", "try:\n    f()\nexcept OSError:\n    pass"),
    ("tools/x.py", "try:\n    f()\nexcept Exception as exc:\n    raise ToolError from exc"),
    ("rpc/stdio.py", "wire = Wire(os.dup(0), os.dup(1))"),
    ("cli/x.py", "print('help')"),
]


@pytest.mark.parametrize(("path", "code"), KEPT)
def test_what_is_allowed_is_left_alone(path: str, code: str, tmp_path: Path) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(code, encoding="utf-8")
    assert [found for rule in RULES for found in violations(rule, tmp_path)] == []


def needs(package: Path) -> dict[str, set[str]]:
    """The modules that each module imports, anywhere, also for types; without the face of the package."""
    paths = {module.path.removesuffix(".py").removesuffix("/__init__") for module in modules(package)}
    names = {".".join((PACKAGE, *path.split("/"))) for path in paths - {"__init__"}}
    needed: dict[str, set[str]] = {}
    for module in modules(package):
        path = module.path.removesuffix(".py").removesuffix("/__init__")
        found = {imported.name for imported in imports(module)}
        found |= {name.rpartition(".")[0] for name in found}
        needed[".".join((PACKAGE, *path.split("/")))] = found & names
    return needed


def circles(needed: dict[str, set[str]]) -> set[frozenset[str]]:
    """The largest sets of modules in which each needs every other, itself or by way of others."""
    reach = {name: set(direct) for name, direct in needed.items()}
    for by_way in reach:  # Warshall's closure
        for found in reach.values():
            if by_way in found:
                found |= reach[by_way]
    return {
        frozenset(other for other in reach[name] if name in reach.get(other, ()))
        for name in reach
        if name in reach[name]
    }


def test_no_modules_need_each_other_but_for_those_that_are_one_idea() -> None:
    assert circles(needs(ROOT / PACKAGE)) == MUTUAL


def test_modules_that_need_each_other_are_noticed(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "c"), ("c", "b")):
        (tmp_path / f"{name}.py").write_text(f"from {PACKAGE}.{other} import x\n", encoding="utf-8")
    assert circles(needs(tmp_path)) == {frozenset({f"{PACKAGE}.b", f"{PACKAGE}.c"})}


def test_every_module_that_a_rule_names_exists() -> None:
    named = PROGRAMS.union(*HEAVY.values()) | {
        f"{name.partition('.')[2].replace('.', '/')}.py" for name in LOADED_LATE
    }
    assert {path for path in named if not (ROOT / PACKAGE / path).exists()} == set()


DOCUMENT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
INVARIANTS = (ROOT / "docs" / "invariants.md").read_text(encoding="utf-8")


def test_the_document_is_short_enough_to_be_read() -> None:
    assert len(DOCUMENT.splitlines()) <= 250


def test_every_test_the_document_names_exists() -> None:
    sources = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", DOCUMENT + INVARIANTS))
    assert len(named) > 20
    assert {name for name in named if f"def {name}(" not in sources} == set()
    rules = set(re.findall(r"rule\s+`(\w+)`", DOCUMENT + INVARIANTS))
    assert rules == {rule.__name__ for rule in RULES}


def test_every_file_the_document_names_exists() -> None:
    named = set(re.findall(r"`((?:acp_agent|tests|schema|docs|benchmarks)/[\w./-]*)`", DOCUMENT))
    assert len(named) > 10
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_the_document_lists_every_package() -> None:
    packages = {file.parent.name for file in (ROOT / PACKAGE).glob("*/__init__.py")}
    assert {name for name in packages if f"{name}/" not in DOCUMENT} == set()
