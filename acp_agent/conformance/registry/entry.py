"""What an `agent.json` must hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from acp_agent.base.jsontext import JsonObject, JsonValue, dump_text
from acp_agent.conformance.reach import object_at, text_at
from acp_agent.conformance.registry.rule import Problems, Rule, rule

_REQUIRED = ("id", "name", "version", "description", "distribution")
_ID = re.compile(r"[a-z][a-z0-9-]*")
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_PACKAGED = ("npx", "uvx")
_SYSTEMS = ("darwin", "linux", "windows")
_PLATFORMS = tuple(f"{system}-{machine}" for system in _SYSTEMS for machine in ("aarch64", "x86_64"))
_INSTALLERS = (".dmg", ".pkg", ".deb", ".rpm", ".msi", ".appimage")
_PACKAGE_FIELDS = ("package", "cmd", "args", "env")
_TARGET_FIELDS = ("archive", "sha256", "cmd", "args", "env")
_IN_RELEASE = re.compile(r"/(?:download|releases)/v?([\d.]+)/|/-/[^/]+-(\d+\.\d+\.\d+)\.tgz")


@rule("required-fields")
def required_fields(entry: JsonObject, folder: Path) -> Problems:
    """The entry has an id, a name, a version, a description and a distribution."""
    return [f"`{name}` is missing" for name in _REQUIRED if not entry.get(name)]


@rule("id")
def id_is_the_folder(entry: JsonObject, folder: Path) -> Problems:
    """The id is lower case with digits and hyphens, and the name of the entry's folder."""
    id = text_at(entry, "id")
    problems = [] if _ID.fullmatch(id) else [f"`{id}` does not fit `{_ID.pattern}`"]
    return problems if id == folder.name else [*problems, f"`{id}` lies in the folder `{folder.name}`"]


@rule("version")
def version_is_numeric(entry: JsonObject, folder: Path) -> Problems:
    """The version begins with three numbers."""
    version = text_at(entry, "version")
    return [] if _VERSION.match(version) else [f"`{version}` is no version like 1.0.0"]


@rule("types")
def optional_fields(entry: JsonObject, folder: Path) -> Problems:
    """Texts are texts, links are whole URLs, and authors are a list of texts."""
    texts = ("id", "name", "version", "description", "license")
    links = ("repository", "website", "license_url")
    problems = [f"`{name}` is no text" for name in (*texts, *links) if not _is_text(entry.get(name, ""))]
    problems += [f"`{name}` is no URL" for name in links if name in entry and not _is_url(entry[name])]
    authors = entry.get("authors", [])
    if not isinstance(authors, list) or not all(map(_is_text, authors)):
        problems.append("`authors` is no list of texts")
    return problems


@rule("about", "quality")
def says_whose_it_is(entry: JsonObject, folder: Path) -> Problems:
    """The entry names its license and its authors."""
    return [f"`{name}` is missing" for name in ("license", "authors") if not entry.get(name)]


@rule("distribution")
def distribution_is_known(entry: JsonObject, folder: Path) -> Problems:
    """There is a distribution by npx, uvx or binaries, each with the fields it needs and no others."""
    distribution = object_at(entry, "distribution")
    problems = [f"`{name}` is no way to distribute" for name in distribution if not _is_way(name)]
    if not any(_is_way(name) for name in distribution):
        problems.append("there is none")
    for name in _PACKAGED:
        if name in distribution:
            problems += _of_package(name, object_at(distribution, name))
    for platform, target in _targets(entry):
        if platform not in _PLATFORMS:
            problems.append(f"`{platform}` is no platform")
        problems += _of_target(platform, target)
    return problems


@rule("pinned")
def versions_are_pinned(entry: JsonObject, folder: Path) -> Problems:
    """Packages and archives are of the entry's version, never of the latest one."""
    version = text_at(entry, "version")
    problems: list[str] = []
    for name in _PACKAGED:
        package = text_at(entry, "distribution", name, "package")
        if not package:
            continue
        found = re.search(r"(?<=.)(?:==|@)([^@=]+)$", package)
        if found is None or found[1] == "latest":
            problems.append(f"`{package}` has no version")
        elif found[1] != version:
            problems.append(f"`{package}` is not version {version}")
    for platform, target in _targets(entry):
        archive = text_at(target, "archive")
        found = _IN_RELEASE.search(archive)
        told = (found[1] or found[2]) if found else version
        if "/latest/" in archive:
            problems.append(f"the archive for {platform} is the latest one")
        elif told != version:
            problems.append(f"the archive for {platform} is version {told}")
    return problems


@rule("archives")
def archives_are_no_installers(entry: JsonObject, folder: Path) -> Problems:
    """Binaries come as archives or as they are, not as installers."""
    archives = [(platform, text_at(target, "archive").lower()) for platform, target in _targets(entry)]
    if not archives:
        return None
    return [f"`{archive}` is an installer" for _, archive in archives if archive.endswith(_INSTALLERS)]


@rule("every-system", "SHOULD")
def binaries_for_every_system(entry: JsonObject, folder: Path) -> Problems:
    """Binaries are there for macOS, Linux and Windows."""
    systems = {platform.partition("-")[0] for platform, _ in _targets(entry)}
    return [f"none for {system}" for system in _SYSTEMS if system not in systems] if systems else None


ENTRY_RULES: tuple[Rule[JsonObject, Path], ...] = (
    required_fields,
    id_is_the_folder,
    version_is_numeric,
    optional_fields,
    says_whose_it_is,
    distribution_is_known,
    versions_are_pinned,
    archives_are_no_installers,
    binaries_for_every_system,
)


def _is_way(name: str) -> bool:
    return name in (*_PACKAGED, "binary")


def _is_text(value: JsonValue) -> bool:
    return isinstance(value, str)


def _is_url(value: JsonValue) -> bool:
    parts = urlsplit(value) if isinstance(value, str) else None
    return parts is not None and bool(parts.scheme and parts.netloc)


def _targets(entry: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    for platform, target in object_at(entry, "distribution", "binary").items():
        yield platform, target if isinstance(target, dict) else {}


def _of_package(name: str, package: JsonObject) -> Iterator[str]:
    if not text_at(package, "package"):
        yield f"`{name}` names no package"
    yield from _of_start(name, package, _PACKAGE_FIELDS)


def _of_target(platform: str, target: JsonObject) -> Iterator[str]:
    if not _is_url(target.get("archive")):
        yield f"the archive for {platform} is no URL"
    if not text_at(target, "cmd"):
        yield f"there is no command for {platform}"
    if "sha256" in target and not re.fullmatch("[0-9a-fA-F]{64}", text_at(target, "sha256")):
        yield f"the checksum for {platform} is no SHA-256"
    yield from _of_start(platform, target, _TARGET_FIELDS)


def _of_start(name: str, start: JsonObject, known: tuple[str, ...]) -> Iterator[str]:
    yield from (f"`{name}` has an unknown field `{field}`" for field in start if field not in known)
    args, env = start.get("args", []), start.get("env", {})
    if not isinstance(args, list) or not all(map(_is_text, args)):
        yield f"the arguments of `{name}` are {dump_text(args)}"
    if not isinstance(env, dict) or not all(map(_is_text, env.values())):
        yield f"the environment of `{name}` is not one of texts"
