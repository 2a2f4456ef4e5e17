"""What an `icon.svg` must look like: small, square, of one color that follows the theme."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from acp_agent.conformance.registry.rule import Problems, Rule, rule

SIZE = 16.0
_THEMED = "currentcolor"
_COLORS = (_THEMED, "none", "inherit")
_PAINT = re.compile(r"\b(?:fill|stroke)\s*:\s*([^;}\s]+)", re.IGNORECASE)
_MAX_BYTES = 256 * 1024


class IconFile:
    """An icon as it lies on the disk; `root` is None if it is not there or no SVG, which `problem` tells."""

    def __init__(self, file: Path) -> None:
        self.text = ""
        self.root: ElementTree.Element | None = None
        self.problem = ""
        try:
            if file.stat().st_size > _MAX_BYTES:
                self.problem = f"`{file.name}` is larger than {_MAX_BYTES} bytes"
                return
            self.text = file.read_text(encoding="utf-8")
            if "<!DOCTYPE" in self.text or "<!ENTITY" in self.text:
                self.problem = "it defines entities"
                return
            root = ElementTree.fromstring(self.text)
        except OSError:
            self.problem = f"there is no `{file.name}`"
        except (UnicodeDecodeError, ElementTree.ParseError) as exc:
            self.problem = f"it is no XML: {exc}"
        else:
            name = _local(root.tag)
            self.problem = "" if name == "svg" else f"its root is `{name}`"
            self.root = root if name == "svg" else None


@rule("icon")
def icon_is_an_svg(icon: IconFile) -> Problems:
    """There is an icon, and it is an SVG."""
    return [icon.problem] if icon.problem else []


@rule("icon-size")
def icon_is_small_and_square(icon: IconFile) -> Problems:
    """The icon is 16 by 16."""
    if icon.root is None:
        return None
    size = _size(icon.root)
    if size is None:
        return ["it has neither a width and height nor a view box"]
    return [] if size == (SIZE, SIZE) else [f"it is {size[0]:g} by {size[1]:g}"]


@rule("icon-color")
def icon_follows_the_theme(icon: IconFile) -> Problems:
    """The icon is painted with `currentColor` and with no color of its own."""
    if icon.root is None:
        return None
    used = [color.strip().lower() for color in _colors(icon.root)]
    problems = [f"`{color}` is a color of its own" for color in dict.fromkeys(used) if color not in _COLORS]
    return problems if _THEMED in used else [*problems, "nothing is painted with `currentColor`"]


@rule("icon-comments")
def icon_has_no_comments(icon: IconFile) -> Problems:
    """The icon has no comments, which break the pages that embed it."""
    if not icon.text:
        return None
    return ["it has one"] if "<!--" in icon.text else []


ICON_RULES: tuple[Rule[IconFile], ...] = (
    icon_is_an_svg,
    icon_is_small_and_square,
    icon_follows_the_theme,
    icon_has_no_comments,
)


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _size(root: ElementTree.Element) -> tuple[float, float] | None:
    texts = [root.get("width"), root.get("height")]
    if None in texts:
        box = (root.get("viewBox") or "").replace(",", " ").split()
        texts = [*box[2:]]
    try:
        width, height = (float(re.sub(r"[a-zA-Z%]+$", "", (text or "").strip())) for text in texts)
    except ValueError:
        return None
    return width, height


def _colors(root: ElementTree.Element) -> Iterator[str]:
    for element in root.iter():
        yield from (value for name in ("fill", "stroke") if (value := element.get(name)) is not None)
        yield from _PAINT.findall(element.get("style") or "")
        if _local(element.tag) == "style":
            yield from _PAINT.findall(element.text or "")
