"""The options that every image recipe takes: [--force] [TARGET]."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

BASE = Path(__file__).parents[3] / "infra" / "images" / "base.sh"
SCRIPT = 'set -euo pipefail; . "$0"; parse_options "$@"; printf "%s|%s" "$force" "$target"'


def parse(default: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-c", SCRIPT, str(BASE), default, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize(
    ("arguments", "force", "target"),
    [
        ([], "", "image:latest"),
        (["--force"], "yes", "image:latest"),
        (["mine:1"], "", "mine:1"),
        (["mine:1", "--force"], "yes", "mine:1"),
        (["--force", "mine:1"], "yes", "mine:1"),
    ],
)
def test_the_order_of_options_does_not_matter(arguments: list[str], force: str, target: str) -> None:
    assert parse("image:latest", *arguments).stdout == f"{force}|{target}"


def test_a_recipe_without_a_target_takes_force_only() -> None:
    assert parse("", "--force").stdout == "yes|"
    assert "unknown argument mine:1; there is only --force" in refusal("", "mine:1")


@pytest.mark.parametrize("option", ["--help", "-f", "--force=yes"])
def test_an_unknown_option_is_refused(option: str) -> None:
    assert f"unknown option {option}; there is only --force" in refusal("image:latest", option)


def refusal(default: str, *arguments: str) -> str:
    result = parse(default, *arguments)
    assert result.returncode == 1
    return result.stderr
