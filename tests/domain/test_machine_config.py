"""Machine configurations that are added while the place runs."""

import pytest

from domain.errors import Invalid, NotFound
from domain.machine_config import MachineCatalogue
from tests.support.stories.workspaces import CONFIG, changed_config, no_configs, one_config, removed_config
from tests.support.story import T0, Story


def test_one_is_added_and_then_changed() -> None:
    no_configs.when(MachineCatalogue.set, "small", CONFIG, T0).then(
        MachineCatalogue.Added, name="small", made_from=CONFIG
    )
    bigger = CONFIG | {"memory_mb": 4096}
    one_config.when(MachineCatalogue.set, "small", bigger, T0).then(
        MachineCatalogue.Changed, name="small", made_from=bigger
    )


def test_what_is_so_already_is_no_change() -> None:
    one_config.when(MachineCatalogue.set, "small", CONFIG, T0).nothing()
    assert changed_config.state.entries["small"]["memory_mb"] == 256


def test_one_is_removed_once_and_its_name_is_free() -> None:
    one_config.when(MachineCatalogue.remove, "small", T0).then(MachineCatalogue.Removed, name="small")
    removed_config.when(MachineCatalogue.remove, "small", T0).refused(NotFound)
    removed_config.when(MachineCatalogue.set, "small", CONFIG, T0).then(
        MachineCatalogue.Added, name="small", made_from=CONFIG
    )


@pytest.mark.parametrize("name", ["", "Small", "a b", "-a", "a-", "a" * 41, "a/b", "ä", "a\n"])
def test_a_name_is_a_word(name: str) -> None:
    no_configs.when(MachineCatalogue.set, name, CONFIG, T0).refused(Invalid, "must be a word of small letters")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"image": ""}, "image must be"),
        ({"image": "a b"}, "image must be"),
        ({"image": "a\nb"}, "image must be"),
        ({"command": []}, "command must be"),
        ({"command": ["a\0b"]}, "command must be"),
        ({"user": "root"}, "not root"),
        ({"user": "Bob"}, "user must be"),
        ({"user": "a;b"}, "user must be"),
        ({"memory_mb": 15}, "memory_mb must be from 16"),
        ({"disk_mb": 0}, "disk_mb must be from 1"),
        ({"pids": 2**31}, "pids must be from 1 to 2147483647"),
        ({"cpus": 0}, "cpus must be"),
        ({"cpus": float("nan")}, "cpus must be"),
        ({"ports": [0]}, "ports must be"),
        ({"ports": [65536]}, "ports must be"),
    ],
)
def test_what_no_machine_could_be_made_from(wrong: dict[str, object], says: str) -> None:
    no_configs.when(MachineCatalogue.set, "small", CONFIG | wrong, T0).refused(Invalid, says)


def test_there_is_one_catalogue() -> None:
    assert MachineCatalogue.id_of() == MachineCatalogue.id_of()
    assert Story(MachineCatalogue).given(MachineCatalogue.Opened).state.entries == {}
