"""The one credential of the command line: a name, a key in the environment, or the key of `tenure login`."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.chrote.people import member, owning
from tests.support.api_keys import new_key
from tests.support.cli import beside
from tests.support.server import Served, eventually, served
from tests.support.tmux import Tmux


class Shell:
    """Runs `tenure` with a server, a home of its own, and no name in the environment."""

    def __init__(self, tenure: Served, home: Path) -> None:
        self.home = home
        self.env: dict[str, str | None] = {"TENURE_URL": tenure.url, "TENURE_HOME": str(home)}
        self.env |= {"TENURE_USER": None, "TENURE_API_KEY": None, "TENURE_LOGIN": None}

    async def __call__(self, *words: str, **env: str) -> Any:
        return await beside(*words, **self.env | env)

    async def output(self, *words: str, **env: str) -> str:
        result = await self(*words, **env)
        assert result.exit_code == 0, result.output
        return str(result.stdout)


@pytest.mark.fault("F5")
async def test_a_name_is_one_person_however_it_comes(tenure: Served, tmp_path: Path) -> None:
    shell = Shell(tenure, tmp_path / "home")
    async with tenure.client("olga") as by_header:
        workspace = (await by_header.post("/api/v1/workspaces", json={"name": "lab"})).json()
        async with member(tenure, "olga") as by_cookie:
            assert [w["id"] for w in (await by_cookie.get("/api/v1/workspaces")).json()] == [workspace["id"]]
            assert (await by_cookie.get("/auth/me")).json()["role"] == "owner"
        listed = json.loads(await shell.output("workspaces", "list", "--json", "--as", "olga"))
        assert [w["id"] for w in listed] == [workspace["id"]]
        put = await by_header.put("/api/v1/machines/small", json={"image": "lab:1"})
        assert put.status_code == 200, "the owner administers by the header, too"
        assert (await by_header.get("/api/sessions")).status_code == 200
        answer = await by_header.get("/api/sessions", headers={"X-Forwarded-For": "8.8.8.8"})
        assert answer.status_code == 401


@pytest.mark.fault("F5")
@pytest.mark.parametrize("first", ["workspaces", "sessions"])
async def test_the_shell_is_one_person_in_all_commands(database: str, tmp_path: Path, tmux: Tmux, first: str) -> None:
    tmux.session("main")
    async with served(database, tmp_path, tmux_socket=tmux.socket) as tenure:
        shell = Shell(tenure, tmp_path / "home")

        async def is_claimed() -> bool:
            return bool((await shell("sessions", "claim", "main")).exit_code == 0)

        if first == "sessions":
            await eventually(is_claimed)
        await shell.output("workspaces", "create", "lab", "--no-wait")
        await eventually(is_claimed)
        await shell.output("machines", "set", "small", "--image", "lab:1")
        assert getpass.getuser() in await shell.output("sessions", "list")
        async with tenure.tenure.pool.connection() as conn:
            rows = await (await conn.execute("select distinct user_id from identities")).fetchall()
        assert len(rows) == 1


@pytest.mark.fault("F5")
async def test_login_stores_a_key_that_all_commands_use(database: str, tmp_path: Path, tmux: Tmux) -> None:
    tmux.session("main")
    async with served(database, tmp_path, tmux_socket=tmux.socket) as tenure:
        shell = Shell(tenure, tmp_path / "home")
        await shell.output("login", "--as", "olga")
        file = shell.home / "credentials.json"
        assert file.stat().st_mode & 0o777 == 0o600
        (key,) = json.loads(file.read_text()).values()
        assert key.startswith("tnr_")
        await shell.output("workspaces", "create", "lab", "--no-wait")
        await shell.output("machines", "set", "small", "--image", "lab:1")

        async def is_claimed() -> bool:
            return bool((await shell("sessions", "claim", "main")).exit_code == 0)

        await eventually(is_claimed)
        assert "olga" in await shell.output("sessions", "list")
        listed = json.loads(await shell.output("workspaces", "list", "--json"))
        assert [workspace["owner"] for workspace in listed] == ["olga"]
        async with tenure.client(None, **{"X-API-Key": key}) as client:
            assert (await client.get("/api/v1/keys")).status_code == 200
            await shell.output("logout")
            assert (await client.get("/api/v1/keys")).status_code == 401
        assert json.loads(file.read_text()) == {}
        assert (await shell("logout")).exit_code == 1


@pytest.mark.fault("F5")
async def test_a_key_in_the_environment_serves_every_command(tenure: Served, tmp_path: Path) -> None:
    shell = Shell(tenure, tmp_path / "home")
    async with member(tenure, "olga"), tenure.client("olga") as olga:
        key = (await new_key(olga))["key"]
    for words in (
        ("workspaces", "list"), ("sessions", "list"), ("machines", "list"), ("regions", "list"), ("keys", "list"),
        ("machines", "set", "small", "--image", "lab:1"), ("machines", "rm", "small"),
    ):  # fmt: skip
        await shell.output(*words, TENURE_API_KEY=key)
    for words in (("workspaces", "list"), ("sessions", "list"), ("machines", "list"), ("keys", "list")):
        result = await shell(*words, TENURE_API_KEY="tnr_wrong")
        assert result.exit_code == 1 and result.stderr.strip()


async def test_where_a_name_does_not_sign_in_a_key_is_typed(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path, public_url="https://lab.example.org") as tenure:
        shell = Shell(tenure, tmp_path / "home")
        body = {"email": "ada@example.org", "password": "correct horse", "name": "Ada"}
        async with tenure.client(None) as client:
            invite = owning(tenure).partition("=")[2]
            token = (await client.post("/api/auth/register", json=body | {"invite": invite})).json()["token"]
            assert token
        result = await shell("login", TENURE_API_KEY="tnr_wrong")
        assert result.exit_code == 1 and not (shell.home / "credentials.json").exists()


async def test_a_name_that_is_not_let_in_keeps_what_it_has(tenure: Served, tmp_path: Path) -> None:
    shell = Shell(tenure, tmp_path / "home")
    async with member(tenure, "olga"), tenure.client("vera") as vera:
        await vera.post("/api/v1/workspaces", json={"name": "lab"})
        result = await shell("machines", "set", "small", "--image", "lab:1", "--as", "vera")
        assert (result.exit_code, result.stderr) == (1, "vera is not let in: invite required\n")
        assert [workspace["name"] for workspace in (await vera.get("/api/v1/workspaces")).json()] == ["lab"]
