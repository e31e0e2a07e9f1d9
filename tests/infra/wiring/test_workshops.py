"""What is sealed, and with what: the secret of the settings, or one of the home's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.runtime.home import CannotStart
from infra.settings import Settings
from infra.wiring import workshops as classroom
from tests.contracts.clarateach.teaching import NEW, WORKSHOPS, fine, refused
from tests.support.server import served


def test_a_home_has_one_secret_that_only_its_owner_reads(tmp_path: Path) -> None:
    first = classroom.sealing_secret(Settings(home=tmp_path))
    assert len(first) >= 32 and classroom.sealing_secret(Settings(home=tmp_path)) == first
    assert (tmp_path / "sealing-secret").stat().st_mode & 0o077 == 0
    assert classroom.sealing_secret(Settings(home=tmp_path, sealing_secret="s" * 32)) == "s" * 32


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"bind": "0.0.0.0:3000", "portal_auth": "open"}, "TENURE_PORTAL_AUTH"),
        ({"workshop_template": "nothing"}, "TENURE_WORKSHOP_TEMPLATE"),
    ],
)
async def test_settings_that_do_not_go_together(
    database: str, tmp_path: Path, settings: dict[str, Any], says: str
) -> None:
    with pytest.raises(CannotStart, match=says):
        async with served(database, tmp_path, **settings):
            pass


@pytest.mark.parametrize(
    ("bind", "auth", "is_open"),
    [
        ("127.0.0.1:3000", None, True),
        ("127.0.0.1:3000", "required", False),
        ("0.0.0.0:3000", None, False),
        ("127.0.0.1:3000", "open", True),
    ],
)
def test_the_portal_is_open_where_only_this_machine_can_ask(bind: str, auth: str | None, is_open: bool) -> None:
    assert classroom.portal_is_open(Settings(bind=bind, portal_auth=auth)) is is_open


async def test_where_another_process_makes_the_machines_a_secret_for_both_is_needed(
    database: str, tmp_path: Path
) -> None:
    async with served(database, tmp_path, role="api") as tenure, tenure.client(None) as client:
        assert "TENURE_SEALING_SECRET" in refused(await client.post(WORKSHOPS, json=NEW), 503, "UNAVAILABLE")
    async with served(database, tmp_path, role="api", sealing_secret="s" * 32) as tenure, tenure.client(None) as client:
        fine(await client.post(WORKSHOPS, json=NEW), 201)
