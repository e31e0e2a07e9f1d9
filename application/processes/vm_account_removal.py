"""Closed VM accounts are forgotten; their history stays.

when        then
Closed      delete the account's name, password and tokens
Forgotten   nothing
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from application.processes.work import Do, Done, Step
from domain.vm_account import VmAccount


def react(event: Any) -> Iterator[Step]:
    """The work that follows from an event of a VM account."""
    match event:
        case VmAccount.Closed(originator_id=id):
            yield Do("vm_account.forget", id)
        case VmAccount.Forgotten(originator_id=id):
            yield Done("vm_account.forget", id)
