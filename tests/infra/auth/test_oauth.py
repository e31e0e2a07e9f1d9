"""Which providers there are, and what is said of one that is configured by half."""

from __future__ import annotations

from typing import Any

import pytest

from infra.auth.oauth import named, providers
from infra.runtime.home import CannotStart
from infra.settings import BadSetting, Settings, explain, load

GITHUB = {"github_client_id": "i", "github_client_secret": "s3cret"}
GOOGLE = {"google_client_id": "i", "google_client_secret": "s3cret"}
OIDC = {"oidc_issuer": "https://id.example.org/", "oidc_client_id": "i"}


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, []),
        (GITHUB, ["github"]),
        (GOOGLE, ["google"]),
        (OIDC, ["oidc"]),
        (OIDC | {"oidc_name": "campus"} | GITHUB, ["github", "campus"]),
    ],
)
def test_those_that_are_configured(given: dict[str, Any], names: list[str]) -> None:
    settings = Settings(**given)
    assert list(providers(settings)) == list(settings.signs_in) == names
    assert settings.dev_login is (not names)


@pytest.mark.parametrize("given", [GITHUB, GOOGLE, OIDC])
def test_half_of_what_one_needs_is_said_at_the_start(given: dict[str, Any]) -> None:
    for left_out in given:
        with pytest.raises(CannotStart, match=left_out.upper()):
            providers(Settings(**{name: value for name, value in given.items() if name != left_out}))


def test_a_name_alone_never_signs_in_where_others_can_ask() -> None:
    assert not Settings(bind="0.0.0.0:3000").dev_login
    assert Settings(bind="[::1]:3000").dev_login


@pytest.mark.parametrize("name", ["github", "dev", "me", "Ö", "a/b", ""])
def test_a_provider_is_not_called_what_means_something_else(name: str) -> None:
    with pytest.raises(BadSetting, match="oidc-name"):
        load(oidc_name=name)


def test_a_secret_is_shown_to_nobody() -> None:
    settings = load(**GITHUB)
    assert "s3cret" not in str(explain(settings)) + repr(settings)


def test_a_name_is_one_line_that_can_be_shown() -> None:
    assert named(None, " \n ", "Ann\u202e\nExample") == "AnnExample"
    assert named("x" * 200) == "x" * 100
    assert named(None, 7) == "somebody"
