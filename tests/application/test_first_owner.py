"""A place that was founded before it had virtual machines: its owner administers them."""

from __future__ import annotations

from uuid import uuid4

from application.access import Cause
from application.first_owner import FirstOwner
from domain.user import Place
from domain.vm_account import VmAccount, VmAdministrators
from tests.support.server import Served


async def test_the_owner_of_an_older_place_administers_from_the_next_start_on(tenure: Served) -> None:
    deps = tenure.tenure.deps.neptuned
    owner, platform = uuid4(), tenure.tenure.deps.http.platform
    first_owner = FirstOwner(platform, deps.clock, deps.vm_accounts.numbers)
    await first_owner.complete()  # nobody is here: nothing is to be done
    await platform.commit(Cause(owner), Place(id=Place.id_of(), at=deps.clock(), owner_id=owner))
    for _ in range(2):
        await first_owner.complete()
        account = await platform.load(VmAccount, VmAccount.id_of(owner))
        assert account.administers and account.version == 1
        assert (await platform.load(VmAdministrators, VmAdministrators.id_of())).user_ids == [owner]
