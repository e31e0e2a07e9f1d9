"""Whose SSH keys machines let in."""

from __future__ import annotations

from dataclasses import dataclass

from application.ssh_grants import SshGrants
from infra.tables.join_requests import HolderKeys, JoinRequests
from infra.wiring.foundation import Foundation


@dataclass(frozen=True)
class SshGrantServices:
    grants: SshGrants
    holder_keys: HolderKeys
    join_requests: JoinRequests


def build_ssh_grants(base: Foundation) -> SshGrantServices:
    holder_keys, join_requests = HolderKeys(base.pool), JoinRequests(base.pool)
    return SshGrantServices(
        SshGrants(base.platform, base.clock, holder_keys, join_requests), holder_keys, join_requests
    )
