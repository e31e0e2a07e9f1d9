"""Whoever closed their account for virtual machines leaves nothing behind but their history.

when        then
Closed      forget their name, their password and what they were logged in with
Forgotten   that is done
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from application.processes.work import Do, Done, Step
from domain.vm_account import VmAccount


def react(event: Any) -> Iterator[Step]:
    match event:
        case VmAccount.Closed(originator_id=id):
            yield Do("vm_account.forget", id)
        case VmAccount.Forgotten(originator_id=id):
            yield Done("vm_account.forget", id)
