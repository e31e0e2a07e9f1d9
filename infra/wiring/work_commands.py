"""Which call carries out each kind of work that a process may ask for."""

from __future__ import annotations

from application.api_keys import ApiKeys
from application.claims import Claims
from application.guests import Guests
from application.hosted_sessions import HostedSessions
from application.invites import Invites
from application.orphans import Orphans
from application.users import Users
from application.vm_accounts import VmAccounts
from application.vm_machines import VmMachines
from application.workshops import Workshops
from application.workspaces import Workspaces
from infra.eventlog.worker import WorkCommand


def work_commands(
    *,
    workspaces: Workspaces,
    orphans: Orphans,
    users: Users,
    invites: Invites,
    claims: Claims,
    api_keys: ApiKeys,
    vm_accounts: VmAccounts,
    vm_machines: VmMachines,
    workshops: Workshops,
    hosted_sessions: HostedSessions,
    guests: Guests,
) -> dict[str, WorkCommand]:
    """By the name that `Do(...)` and the due-list know it by."""
    return {
        "workspace.provision": workspaces.provision,
        "workspace.give_up": workspaces.give_up,
        "workspace.clear": workspaces.clear,
        "workspace.operate": workspaces.operate_now,
        "workspace.warn": workspaces.warn,
        "workspace.expire": workspaces.expire,
        "workspace.destroy": workspaces.destroy,
        "orphan.destroy": orphans.destroy,
        "user.forget": users.forget,
        "vm_account.forget": vm_accounts.forget,
        "vm_config.settle": vm_machines.settle,
        "vm_config.apply": vm_machines.apply,
        "vm_config.revive": vm_machines.revive,
        "invite.expire": invites.expire,
        "claim.expire": claims.expire,
        "api_key.forget": api_keys.forget,
        "workshop.request_machines": workshops.request_machines,
        "workshop.take_back": workshops.take_back,
        "workshop.clear": workshops.clear,
        "workshop.warn": workshops.warn,
        "workshop.expire": workshops.expire,
        "hosted_session.clear": hosted_sessions.clear,
        "guest.time_out": guests.time_out,
        "guest.install": guests.install,
        "guest.remove": guests.remove,
    }
