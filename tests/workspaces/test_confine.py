"""A path is inside only if the file system, with all links followed, says so."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.errors import PathOutsideWorkspace
from acp_agent.workspaces.confine import Confinement


@pytest.mark.parametrize("path", ["a.txt", "./a.txt", "sub/../a.txt", "sub//deep/../../a.txt"])
def test_relative_paths_start_at_the_first_root(root, path):
    (root / "sub/deep").mkdir(parents=True)
    assert Confinement([root]).resolve(path) == root / "a.txt"


def test_every_root_is_inside(root, tmp_path):
    other = tmp_path.resolve() / "other"
    other.mkdir()
    confinement = Confinement([root, other])
    assert confinement.resolve(str(other / "x")) == other / "x"
    assert confinement.resolve("../other/x") == other / "x"
    assert confinement.resolve("") == root


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../x",
        "sub/../../x",
        "/",
        "/etc/passwd",
        "../repo-evil/x",
        "sub/missing/../../../x",
        "missing/../a",
    ],
)
def test_paths_that_lead_elsewhere_are_refused(root, tmp_path, path):
    (root / "sub").mkdir()
    (tmp_path / "repo-evil").mkdir()
    with pytest.raises(PathOutsideWorkspace):
        Confinement([root]).resolve(path)


def test_a_neighbour_with_the_same_prefix_is_outside(root):
    evil = root.with_name("repo-evil")
    evil.mkdir()
    with pytest.raises(PathOutsideWorkspace):
        Confinement([root]).resolve(str(evil / "x"))


@pytest.mark.parametrize("path", ["a\0b", "/etc/passwd\0.txt", "file:///%00"])
def test_nul_is_refused_without_being_repeated(root, path):
    with pytest.raises(PathOutsideWorkspace) as caught:
        Confinement([root]).resolve(path)
    assert "\0" not in str(caught.value)


def test_a_tilde_is_an_ordinary_name(root):
    assert Confinement([root]).resolve("~/x") == root / "~/x"
    assert Confinement([root]).resolve("$HOME") == root / "$HOME"


def test_file_uris_are_paths(root):
    confinement = Confinement([root])
    assert confinement.resolve((root / "a b.txt").as_uri()) == root / "a b.txt"
    assert confinement.resolve((root / "%2e%2e").as_uri()) == root / "%2e%2e"
    assert confinement.resolve(f"file://localhost{root.as_posix()}/c") == root / "c"


@pytest.mark.parametrize(
    "uri", ["file:///etc/passwd", "file://elsewhere{}/c", "file://{}/%2e%2e/x", "file://{}/a?b"]
)
def test_file_uris_that_lead_elsewhere_are_refused(root, uri):
    with pytest.raises(PathOutsideWorkspace):
        Confinement([root]).resolve(uri.format(root.as_posix()))


def test_links_are_followed_before_anything_is_decided(root, tmp_path):
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    (root / "inner").mkdir()
    (root / "out").symlink_to(outside)
    (root / "in").symlink_to(root / "inner")
    (root / "up").symlink_to("..")
    confinement = Confinement([root])
    assert confinement.resolve("in/new.txt") == root / "inner/new.txt"
    for path in ("out", "out/x", "out/deep/x", "up/x", "out/../repo/x/../../y", "in/../../x"):
        with pytest.raises(PathOutsideWorkspace):
            confinement.resolve(path)
    # what looks lexically inside, `out/../x`, is beside `outside`
    with pytest.raises(PathOutsideWorkspace):
        confinement.resolve("out/../x")


def test_a_dangling_link_is_refused_as_nobody_knows_what_a_write_would_make(root, tmp_path):
    (root / "dangling").symlink_to(tmp_path / "not-yet")
    (root / "inside").symlink_to(root / "not-yet")
    for path in ("dangling", "dangling/x", "inside"):
        with pytest.raises(PathOutsideWorkspace):
            Confinement([root]).resolve(path)


def test_a_loop_of_links_is_refused(root):
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    for path in ("a", "a/x"):
        with pytest.raises(PathOutsideWorkspace):
            Confinement([root]).resolve(path)


def test_names_no_file_system_takes_are_refused(root):
    with pytest.raises(PathOutsideWorkspace):
        Confinement([root]).resolve("x" * 5_000)


def test_a_root_that_is_a_link_is_known_by_where_it_leads(root, tmp_path):
    alias = tmp_path / "alias"
    alias.symlink_to(root)
    confinement = Confinement([alias])
    assert confinement.roots == (root,)
    assert confinement.resolve(str(alias / "a")) == root / "a"


def test_another_spelling_of_the_same_directory_is_inside(root, monkeypatch):
    """As on a file system that ignores case: the names differ, the directory is the same."""
    shouted = root.with_name("REPO")
    real_samefile, real_realpath = os.path.samefile, os.path.realpath

    def ignoring_case(path, *args, **kwargs):
        return real_realpath(path, *args, **kwargs) if "REPO" not in str(path) else str(path)

    monkeypatch.setattr(os.path, "realpath", ignoring_case)
    monkeypatch.setattr(os.path, "samefile", lambda a, b: real_samefile(str(a).replace("REPO", "repo"), b))
    assert Confinement([root]).resolve(str(shouted / "Sub/x")) == root / "Sub/x"


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    base = tmp_path_factory.mktemp("walks").resolve()
    (base / "root/a/b").mkdir(parents=True)
    (base / "else/a").mkdir(parents=True)
    (base / "root/file").write_text("x", encoding="utf-8")
    (base / "root/in").symlink_to("a/b")
    (base / "root/a/out").symlink_to(base / "else")
    (base / "root/out").symlink_to("../else")
    (base / "root/a/b/out").symlink_to("../../..")
    (base / "root/loop").symlink_to("loop")
    return base / "root"


@given(
    steps=st.lists(st.sampled_from(["..", ".", "", "a", "b", "in", "out", "loop", "file", "new"]), max_size=8)
)
def test_no_walk_resolves_to_a_place_outside(tree, steps):
    path = "/".join(steps)
    try:
        resolved = Confinement([tree]).resolve(path)
    except PathOutsideWorkspace:
        return
    assert resolved == tree or tree in resolved.parents
    assert ".." not in resolved.parts
    # what the kernel would open is what was promised
    assert os.path.realpath(f"{tree}/{path}") == os.path.realpath(resolved) == str(resolved)
