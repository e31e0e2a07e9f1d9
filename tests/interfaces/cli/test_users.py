"""`tenure users`, run while a server is running."""

from __future__ import annotations

from tests.contracts.neptuned.people import USERS, ask, entry, fine, id_of, person, refused
from tests.support.cli import beside
from tests.support.processes import url_of
from tests.support.server import Served


async def test_somebody_is_appointed_whatever_they_were(tenure: Served, database: str) -> None:
    async with person(tenure, "ada") as ada, person(tenure, "bob") as bob:
        fine(await ask(ada, await id_of(ada, "bob"), "ban"))
        refused(await bob.get(USERS), 403)
        result = await beside("users", "appoint", "Bob", "--database-url", url_of(database))
        assert (result.exit_code, result.stdout) == (0, "Bob administers virtual machines now\n"), result.output
        assert await entry(bob, "bob") == {**await entry(bob, "bob"), "user_type": "administrator", "banned": False}
        fine(await ask(bob, await id_of(bob, "ada"), "change_type", type="user"))


async def test_nobody_is_not_appointed(tenure: Served, database: str) -> None:
    result = await beside("users", "appoint", "eve", "--database-url", url_of(database))
    assert result.exit_code == 1 and result.stderr == "nobody has registered as eve\n"
