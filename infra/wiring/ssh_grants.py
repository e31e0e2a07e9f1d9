"""Whose SSH keys machines let in."""

from __future__ import annotations

from dataclasses import dataclass

from application.ssh_grants import SshGrants
from infra.tables.holder_keys import HolderKeyRows
from infra.tables.join_requests import JoinRequestRows
from infra.wiring.foundation import Foundation


@dataclass(frozen=True)
class SshGrantServices:
    grants: SshGrants
    holder_keys: HolderKeyRows
    join_requests: JoinRequestRows


def build_ssh_grants(base: Foundation) -> SshGrantServices:
    holder_keys, join_requests = HolderKeyRows(base.pool), JoinRequestRows(base.pool)
    return SshGrantServices(
        SshGrants(base.platform, base.clock, holder_keys, join_requests), holder_keys, join_requests
    )
