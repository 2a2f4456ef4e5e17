"""Everything but a few places is everything, but for these places."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acp_agent.workspaces.surroundings import everything_but

pytestmark = pytest.mark.skipif(os.name == "nt", reason="paths start at `/`")
NAMES = st.lists(st.sampled_from("abc"), min_size=1, max_size=3)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.lists(NAMES, max_size=8), left_out=st.lists(NAMES, min_size=1, max_size=3))
def test_a_file_is_in_it_exactly_if_it_is_in_none_of_the_places(tmp_path_factory, files, left_out):
    root = tmp_path_factory.mktemp("tree").resolve()
    made = []
    for names in files:
        path = root.joinpath(*names, "file")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        made.append(path)
    places = [root.joinpath(*names) for names in left_out]
    kept = set(everything_but(places))
    for path in made:
        covered = any(str(above) in kept for above in (path, *path.parents))
        assert covered == places_miss(path, places)


def places_miss(path, places):
    return not any(place == path or place in path.parents for place in places)


def test_links_are_left_out(tmp_path):
    root = tmp_path.resolve()
    (root / "secret").mkdir()
    (root / "plain").mkdir()
    (root / "link").symlink_to("secret")
    kept = set(everything_but([root / "secret"]))
    assert {str(root / "plain")} == {path for path in kept if path.startswith(str(root))}
    assert "/" not in kept
