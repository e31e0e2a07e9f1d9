"""Fixtures: providers to sign in with, a Tenure that is configured for them, and a place with shared terminals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.chrote.terminals import Place, opened
from tests.support.providers import github as gh
from tests.support.providers import openid as oidc
from tests.support.providers.http import listening
from tests.support.server import Served, served
from tests.support.tmux import Tmux


@pytest.fixture
async def openid(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[oidc.Provider]:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # authlib's server would speak https only
    async with listening(oidc.Provider, oidc.app) as provider:
        yield provider


@pytest.fixture
async def github() -> AsyncIterator[gh.GitHub]:
    async with listening(gh.GitHub, gh.app) as provider:
        yield provider


@pytest.fixture
async def with_providers(
    database: str, tmp_path: Path, openid: oidc.Provider, github: gh.GitHub
) -> AsyncIterator[Served]:
    async with served(database, tmp_path, **configured(openid, github)) as tenure:
        openid.client.redirect_uris = tuple(
            f"{tenure.url}{mount}/{name}/callback" for mount in ("/auth", "/api/auth") for name in ("google", "campus")
        )
        yield tenure


def configured(openid: oidc.Provider, github: gh.GitHub) -> dict[str, Any]:
    """The settings for all three providers. One OpenID provider stands for both Google and the campus."""
    return {
        "github_client_id": gh.ID,
        "github_client_secret": gh.SECRET,
        "github_url": github.url,
        "github_api_url": f"{github.url}/api/v3",
        "google_client_id": oidc.ID,
        "google_client_secret": oidc.SECRET,
        "google_issuer": openid.url,
        "oidc_issuer": openid.url,
        "oidc_client_id": oidc.ID,
        "oidc_client_secret": oidc.SECRET,
        "oidc_name": "campus",
    }


@pytest.fixture
async def place(database: str, tmp_path: Path, tmux: Tmux) -> AsyncIterator[Place]:
    """People, and a tmux server without sessions."""
    async with opened(database, tmp_path, tmux) as opened_place:
        yield opened_place
