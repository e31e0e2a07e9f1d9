"""Regions that are added while the place runs."""

import pytest

from domain.errors import Invalid, NotFound
from domain.region import RegionCatalogue
from tests.support.stories.workspaces import ENGINE, moved_region, no_regions, one_region, removed_region
from tests.support.story import T0


def test_one_is_added_and_its_engine_moves() -> None:
    no_regions.when(RegionCatalogue.set, "paris", ENGINE, T0).then(RegionCatalogue.Added, name="paris", engine=ENGINE)
    moved = ENGINE | {"url": "unix:///run/paris.sock"}
    one_region.when(RegionCatalogue.set, "paris", moved, T0).then(RegionCatalogue.Changed, name="paris", engine=moved)
    one_region.when(RegionCatalogue.set, "paris", ENGINE, T0).nothing()
    assert moved_region.state.engine("paris")["url"] == "ssh://t@p.example.org"


def test_one_that_was_removed_still_has_its_engine_until_it_is_added_again() -> None:
    one_region.when(RegionCatalogue.remove, "paris", T0).then(RegionCatalogue.Removed, name="paris")
    removed_region.when(RegionCatalogue.remove, "paris", T0).refused(NotFound)
    assert (removed_region.state.entries, removed_region.state.engine("paris")) == ({}, ENGINE)
    removed_region.when(RegionCatalogue.set, "paris", ENGINE, T0).then(
        RegionCatalogue.Added, name="paris", engine=ENGINE
    )
    again = removed_region.given(RegionCatalogue.Added, name="paris", engine=ENGINE)
    assert (again.state.entries, again.state.removed) == ({"paris": ENGINE}, {})


@pytest.mark.parametrize("url", ["unix:///run/docker.sock", "tcp://10.0.0.2:2375", "ssh://tenure@paris.example.org:22"])
def test_where_an_engine_can_be(url: str) -> None:
    engine = ENGINE | {"url": url}
    no_regions.when(RegionCatalogue.set, "paris", engine, T0).then(RegionCatalogue.Added, name="paris", engine=engine)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"url": ""}, "must be that of a Docker engine"),
        ({"url": "http://a"}, "must be that of a Docker engine"),
        ({"url": "unix://"}, "must be that of a Docker engine"),
        ({"url": "tcp://:1"}, "must be that of a Docker engine"),
        ({"url": "tcp://a:99999"}, "is not a URL"),
        ({"url": "tcp://[a"}, "is not a URL"),
        ({"url": "ssh://bob:secret@a"}, "no password"),
        ({"url": "tcp://bob@a:1"}, "no password"),
        ({"url": "tcp://a:1?key=secret"}, "no password"),
        ({"url": "tcp://a:1/" + "x" * 300}, "at most 300"),
        ({"host": ""}, "host must be"),
        ({"host": "a b"}, "host must be"),
        ({"publish_on": "-a"}, "publish_on must be"),
    ],
)
def test_what_is_no_engine_or_would_put_a_secret_on_record(wrong: dict[str, str], says: str) -> None:
    outcome = no_regions.when(RegionCatalogue.set, "paris", ENGINE | wrong, T0)
    outcome.refused(Invalid, says)
    assert "secret" not in str(outcome.refusal)


def test_a_name_is_a_word() -> None:
    no_regions.when(RegionCatalogue.set, "Paris", ENGINE, T0).refused(Invalid, "the name of a region must be a word")
