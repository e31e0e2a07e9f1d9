"""Owning an installation: by a one-time link, from this machine, or from its shell; and never by looking."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from application.access import Cause
from application.first_owner import Ownership, find_ownership
from application.logins import NotLetIn
from application.platform import ConcurrentUpdate
from application.ports.people import Identity
from domain.errors import NotAllowed
from domain.user import Place, User
from domain.user_type import UserType
from domain.vm_account import VmAccount, VmAdministrators
from tests.contracts.chrote.people import invited, member
from tests.support.cli import beside
from tests.support.processes import url_of
from tests.support.server import Served, served

ANN = Identity("github", "1", "Ann", "ann@example.org", email_verified=True)
BOB = Identity("github", "2", "Bob", "bob@example.org", email_verified=True)


@pytest.fixture
async def public(database: str, tmp_path: Path) -> AsyncIterator[Served]:
    """An installation that others reach: nobody owns it yet."""
    async with served(database, tmp_path, public_url="https://lab.example.org") as tenure:
        yield tenure


def ownership(tenure: Served) -> Ownership:
    return tenure.tenure.deps.chrote.logins.ownership


async def owner_id(tenure: Served) -> Any:
    place = await find_ownership(tenure.tenure.deps.http.platform)
    return place and place.owner_id


def link_token(tenure: Served) -> str:
    link = tenure.tenure.owner_link
    assert link and link.startswith("https://lab.example.org/invite/")
    return link.rpartition("/")[2]


async def sign_in(tenure: Served, identity: Identity, token: str | None = None) -> str:
    logins = tenure.tenure.deps.chrote.logins
    return await logins.sign_in(identity, await logins.invitation(token, "a test"), "r")


async def test_the_owner_of_an_older_place_administers_from_the_next_start_on(tenure: Served) -> None:
    deps = tenure.tenure.deps.neptuned
    owner, platform = uuid4(), tenure.tenure.deps.http.platform
    await ownership(tenure).complete()  # nobody is here: nothing is to be done
    await platform.commit(Cause(owner), Place(id=Place.id_of(), at=deps.clock(), owner_id=owner))
    for _ in range(2):
        await ownership(tenure).complete()
        account = await platform.load(VmAccount, VmAccount.id_of(owner))
        assert account.administers and account.version == 1
        assert (await platform.load(VmAdministrators, VmAdministrators.id_of())).user_ids == [owner]


REGISTER = {"email": "eve@example.org", "password": "correct horse", "name": "Eve"}


@pytest.mark.fault("F3")
@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/auth/register", REGISTER, 403),
        ("/api/v0/register", {"username": "eve", "password": "correct horse"}, 200),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"Host": "lab.example.org"}, {"X-Forwarded-For": "8.8.8.8"}])
async def test_a_strangers_registration_owns_nothing(
    public: Served, path: str, body: dict[str, str], status: int, headers: dict[str, str]
) -> None:
    async with httpx.AsyncClient(base_url=public.url, headers=headers) as stranger:
        answer = await stranger.post(path, json=body)
        assert answer.status_code == status, answer.text
        assert await owner_id(public) is None
        if status == 200:
            token = {"Authorization": f"Bearer {answer.json()['token']}"}
            assert (await stranger.get("/api/v0/admin/users", headers=token)).status_code == 403


@pytest.mark.fault("F3")
async def test_a_forwarded_registration_owns_nothing_where_this_machine_may(tenure: Served) -> None:
    assert tenure.tenure.owner_link is None
    async with tenure.client(None) as client:
        body = {"username": "eve", "password": "correct horse"}
        answer = await client.post("/api/v0/register", json=body, headers={"X-Forwarded-For": "8.8.8.8"})
        assert answer.status_code == 200 and await owner_id(tenure) is None
        answer = await client.post("/api/v0/register", json=body | {"username": "ada"})
        assert answer.status_code == 200 and await owner_id(tenure) is not None


@pytest.mark.fault("F3", "F10")
async def test_a_page_of_another_origin_owns_nothing_where_this_machine_may(tenure: Served) -> None:
    async with tenure.client(None, origin="https://evil.example") as page:
        answer = await page.post("/api/v0/register", json={"username": "eve", "password": "correct horse"})
        assert answer.status_code == 200 and await owner_id(tenure) is None
        answer = await page.post("/api/auth/register", json=REGISTER)
        assert answer.status_code == 403 and await owner_id(tenure) is None
        assert (await page.get("/auth/dev", params={"name": "eve"})).status_code == 403


@pytest.mark.fault("F3")
async def test_a_link_is_good_only_until_there_is_an_owner(public: Served, database: str) -> None:
    """The start's log, and whatever keeps it, still has the link when the place has been given away in the shell."""
    async with public.client(None) as client:
        body = {"username": "ada", "password": "correct horse"}
        assert (await client.post("/api/v0/register", json=body)).status_code == 200
        result = await beside("owner", "set", "ada", "--database-url", url_of(database))
        assert result.exit_code == 0, result.output
        owner = await owner_id(public)
        valid = (await client.get(f"/api/invites/{link_token(public)}/validate")).json()
        assert valid["valid"] is False
        eve = body | {"username": "eve", "invite": link_token(public)}
        assert (await client.post("/api/v0/register", json=eve)).status_code == 400
        assert (await client.post("/api/auth/register", json=REGISTER | eve)).status_code == 403
    with pytest.raises(NotLetIn, match="invalid_invite"):
        await sign_in(public, ANN, link_token(public))
    assert await owner_id(public) == owner


@pytest.mark.fault("F3")
async def test_the_first_to_sign_in_at_a_provider_owns_nothing_without_the_link(public: Served) -> None:
    with pytest.raises(NotLetIn, match="invite_required"):
        await sign_in(public, ANN)
    await sign_in(public, ANN, link_token(public))
    owner = await owner_id(public)
    user = await public.tenure.deps.http.platform.load(User, owner)
    account = await public.tenure.deps.http.platform.load(VmAccount, VmAccount.id_of(owner))
    assert user.role == "owner" and account.administers
    with pytest.raises(NotLetIn, match="invalid_invite"):  # the link is used
        await sign_in(public, BOB, link_token(public))
    assert await owner_id(public) == owner


@pytest.mark.fault("F3")
async def test_registrations_take_the_link_too(public: Served) -> None:
    async with public.client(None) as client:
        body = {"username": "ada", "password": "correct horse", "invite": link_token(public)}
        answer = await client.post("/api/v0/register", json=body)
        token = {"Authorization": f"Bearer {answer.json()['token']}"}
        assert (await client.get("/api/v0/admin/users", headers=token)).status_code == 200
        again = await client.post("/api/v0/register", json=body | {"username": "eve"})
        assert again.status_code == 400 and "invite" in again.json()["error"]


@pytest.mark.fault("F3")
async def test_an_instructor_registers_with_the_link(public: Served) -> None:
    async with public.client(None) as client:
        answer = await client.post("/api/auth/register", json=REGISTER | {"invite": link_token(public)})
        assert (answer.status_code, answer.json()["user"]["role"]) == (201, "owner"), answer.text


@pytest.mark.fault("F3")
async def test_somebody_who_registered_before_becomes_the_owner_by_the_link(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path, public_url="https://lab.example.org", open_signup=True) as tenure:
        await sign_in(tenure, ANN)
        await sign_in(tenure, BOB)
        assert await owner_id(tenure) is None
        await sign_in(tenure, ANN, link_token(tenure))
        assert await owner_id(tenure) == await tenure.tenure.deps.http.profiles.find_user(ANN)


@pytest.mark.fault("F3")
async def test_each_start_replaces_the_link(database: str, tmp_path: Path) -> None:
    async with served(database, tmp_path, public_url="https://lab.example.org") as tenure:
        first = link_token(tenure)
    async with served(database, tmp_path, public_url="https://lab.example.org") as tenure:
        with pytest.raises(NotLetIn, match="invalid_invite"):
            await sign_in(tenure, ANN, first)
        async with tenure.client(None) as client:
            valid = (await client.get(f"/api/invites/{link_token(tenure)}/validate")).json()
            assert valid == {"valid": True, "role": "owner"}
        await sign_in(tenure, ANN, link_token(tenure))
    async with served(database, tmp_path, public_url="https://lab.example.org") as tenure:
        assert tenure.tenure.owner_link is None


@pytest.mark.fault("F3")
async def test_the_shell_gives_the_place_back(tenure: Served, database: str) -> None:
    async with member(tenure, "mallory") as mallory, member(tenure, "olga", await invited(mallory, "viewer")) as olga:
        result = await beside("owner", "set", "olga", "--database-url", url_of(database))
        assert result.exit_code == 0 and result.stdout.startswith("olga ("), result.output
        roles = {user["name"]: user["role"] for user in (await olga.get("/api/users")).json()["users"]}
        assert roles == {"olga": "owner", "mallory": "viewer"}
        assert (await mallory.get("/api/users")).status_code == 403
    platform = tenure.tenure.deps.http.platform
    administrators = await platform.load(VmAdministrators, VmAdministrators.id_of())
    assert administrators.user_ids == [await owner_id(tenure)]
    accounts = [
        (await platform.load(VmAccount, VmAccount.id_of(user))).user_type
        for user in [await owner_id(tenure), *(await tenure.tenure.deps.http.people.find_named("mallory"))]
    ]
    assert accounts == [UserType.ADMINISTRATOR, UserType.USER]


@pytest.mark.fault("F3")
@pytest.mark.fault("F3")
async def test_of_two_who_come_first_at_once_one_becomes_the_owner(tenure: Served) -> None:
    """Both have seen that nobody owns the place; the second must not take it over from the first."""
    platform, clock = tenure.tenure.deps.http.platform, tenure.tenure.deps.neptuned.clock
    users = [User(id=uuid4(), at=clock(), role="owner", invite_id=None) for _ in range(2)]
    first, second = [await ownership(tenure).first(user) for user in users]
    await platform.commit(Cause(), *first)
    with pytest.raises(ConcurrentUpdate):
        await platform.commit(Cause(), *second)
    assert await owner_id(tenure) == users[0].id


async def test_nobody_unknown_becomes_the_owner(tenure: Served, database: str) -> None:
    result = await beside("owner", "set", "nobody", "--database-url", url_of(database))
    assert (result.exit_code, result.stdout) == (1, "") and "nobody" in result.stderr


READS = (
    ("GET", "/api/v1/workspaces"), ("GET", "/api/v1/machines"), ("GET", "/api/v1/regions"), ("GET", "/api/v1/keys"),
    ("GET", "/api/v1/audit/events"), ("GET", "/api/sessions"), ("GET", "/api/users"), ("GET", "/auth/me"),
    ("GET", "/auth/status"), ("GET", "/api/workshops"), ("GET", "/sessions"), ("GET", "/user/api_keys"),
    ("GET", "/api/v0/vms/list"), ("GET", "/"), ("GET", "/docs"), ("GET", "/health/ready"),
)  # fmt: skip


@pytest.mark.fault("F6")
async def test_reading_makes_no_owner(tenure: Served) -> None:
    async with tenure.client("root") as client, tenure.client(None) as nobody:
        for method, path in READS:
            for one in (client, nobody):
                assert (await one.request(method, path)).status_code < 500
                assert await owner_id(tenure) is None, path
    assert await tenure.tenure.deps.http.people.find("clarateach", "root") is None


@pytest.mark.fault("F6")
@pytest.mark.parametrize(
    "words",
    [("machines", "list"), ("regions", "list"), ("sessions", "list"), ("workspaces", "list"), ("keys", "list")],
)
async def test_reading_in_the_shell_makes_no_owner(tenure: Served, words: tuple[str, ...], tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    result = await beside(*words, TENURE_URL=tenure.url, TENURE_USER="root", TENURE_HOME=home)
    assert "Traceback" not in result.output
    assert await owner_id(tenure) is None


def test_the_domain_makes_nobody_an_owner_by_a_role() -> None:
    from domain.role import Role
    from tests.support.stories.workspaces import viewer
    from tests.support.story import T0

    user: Any = viewer.state
    with pytest.raises(NotAllowed, match="Nobody can be made an owner"):
        user.change_role("owner", by=uuid4(), actor_role=Role.OWNER, now=T0)
