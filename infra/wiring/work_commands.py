"""What the due-list may ask for."""

from __future__ import annotations

from application.orphans import Orphans
from infra.eventlog.worker import Command
from interfaces.http.deps import Deps


def commands(given: Deps, orphans: Orphans) -> dict[str, Command]:
    return {
        "workspace.provision": given.workspaces.provision,
        "workspace.give_up": given.workspaces.give_up,
        "workspace.clear": given.workspaces.clear,
        "workspace.operate": given.workspaces.operate_now,
        "workspace.warn": given.workspaces.warn,
        "workspace.expire": given.workspaces.expire,
        "workspace.destroy": given.workspaces.destroy,
        "orphan.destroy": orphans.destroy,
        "user.forget": given.users.forget,
        "vm_account.forget": given.vm_accounts.forget,
        "vm_config.settle": given.vm_configs.machines.settle,
        "vm_config.apply": given.vm_configs.machines.apply,
        "vm_config.revive": given.vm_configs.machines.revive,
        "invite.expire": given.invites.expire,
        "claim.expire": given.claims.expire,
        "api_key.forget": given.api_keys.forget,
        "workshop.request_machines": given.workshops.request_machines,
        "workshop.take_back": given.workshops.take_back,
        "workshop.clear": given.workshops.clear,
        "workshop.warn": given.workshops.warn,
        "workshop.expire": given.workshops.expire,
        "hosted_session.clear": given.hosted_sessions.clear,
        "guest.time_out": given.guests.time_out,
        "guest.install": given.guests.install,
        "guest.remove": given.guests.remove,
    }
