"""Which providers are configured, and what a half configured one is refused with."""

from __future__ import annotations

from typing import Any

import pytest

from infra.auth.oauth import display_name
from infra.auth.providers import providers
from infra.runtime.home import CannotStart
from infra.settings import BadSetting, Settings, explain, load_settings

GITHUB = {"github_client_id": "i", "github_client_secret": "s3cret"}
GOOGLE = {"google_client_id": "i", "google_client_secret": "s3cret"}
OIDC = {"oidc_issuer": "https://id.example.org/", "oidc_client_id": "i"}


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, []),
        (GITHUB, ["github"]),
        (GOOGLE, ["google"]),
        (OIDC, ["oidc"]),
        (OIDC | {"oidc_name": "campus"} | GITHUB, ["github", "campus"]),
    ],
)
def test_the_configured_providers(options: dict[str, Any], names: list[str]) -> None:
    settings = Settings(**options)
    assert list(providers(settings)) == list(settings.sign_in_providers) == names
    assert settings.is_local_and_private is (not names)


@pytest.mark.parametrize("options", [GITHUB, GOOGLE, OIDC])
def test_a_half_configured_provider_is_refused_at_the_start(options: dict[str, Any]) -> None:
    for left_out in options:
        with pytest.raises(CannotStart, match=left_out.upper()):
            providers(Settings(**{name: value for name, value in options.items() if name != left_out}))


def test_a_name_alone_never_signs_in_where_other_machines_can_connect() -> None:
    assert not Settings(bind="0.0.0.0:3000").is_local_and_private
    assert Settings(bind="[::1]:3000").is_local_and_private


@pytest.mark.parametrize("name", ["github", "dev", "me", "Ö", "a/b", ""])
def test_a_provider_cannot_have_a_reserved_name(name: str) -> None:
    with pytest.raises(BadSetting, match="oidc-name"):
        load_settings({"oidc_name": name})


def test_a_secret_is_never_displayed() -> None:
    settings = load_settings(GITHUB)
    assert "s3cret" not in str(explain(settings)) + repr(settings)


def test_a_display_name_is_one_printable_line() -> None:
    assert display_name(None, " \n ", "Ann\u202e\nExample") == "AnnExample"
    assert display_name("x" * 200) == "x" * 100
    assert display_name(None, 7) == "somebody"
