"""The stories that tests begin with."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from domain.api_key import ApiKey
from domain.claim import Claim
from domain.invite import Invite
from domain.machine_config import MachineCatalogue
from domain.region import RegionCatalogue
from domain.session import Session
from domain.user import Place, User
from domain.workspace import Workspace
from tests.support.story import SUBJECT, T0, Story

HOUR = timedelta(hours=1)
ANNA = UUID("00000000-0000-4000-8000-0000000000aa")
OPERATION = UUID("00000000-0000-4000-8000-0000000000bb")
SNAPSHOT = UUID("00000000-0000-4000-8000-0000000000cc")
MACHINE = {"provider_id": "tenure-1", "engine_id": "e1", "connection": {"host": "127.0.0.1"}}
ASKED = {"owner_id": ANNA, "name": "lab", "template": "python", "provider": "docker"}
ASKED |= {"region": "local", "made_from": None}

LEAD = timedelta(minutes=5)  # of the warning before an end
FOR_AN_HOUR = {"ttl_seconds": 3600, "expires_at": T0 + HOUR, "warns_at": T0 + HOUR - LEAD}
FOR_TWO_HOURS = {"ttl_seconds": 7200, "expires_at": T0 + 2 * HOUR, "warns_at": T0 + 2 * HOUR - LEAD}
FOR_EVER = {"ttl_seconds": None, "expires_at": None, "warns_at": None}
GIVES_UP_AT = T0 + timedelta(minutes=10)

nothing_yet = Story(Workspace)
requested = nothing_yet.given(Workspace.Requested, **ASKED, **FOR_AN_HOUR, gives_up_at=GIVES_UP_AT)
without_term = nothing_yet.given(Workspace.Requested, **ASKED, **FOR_EVER, gives_up_at=GIVES_UP_AT)
running = requested.given(Workspace.Provisioned, machine=MACHINE)
OUT_OF_MEMORY: Any = {"reason": "out of memory", "exit_code": 137, "out_of_memory": True, "from_outside": False}
stopped = running.given(Workspace.Stopped, operation_id=None, cause=None)
killed = running.given(Workspace.Stopped, operation_id=None, cause=OUT_OF_MEMORY)
failed = requested.given(Workspace.ProvisioningFailed, reason="no image")
vanished = running.given(Workspace.Vanished, reason="lost")
expired = running.given(Workspace.Expired)
deleted = running.given(Workspace.Deleted)
destroyed = deleted.given(Workspace.Destroyed)


def under_way(story: Story, operation: str, snapshot_id: UUID | None = None, label: str = "") -> Story:
    fields = {"operation": operation, "operation_id": OPERATION, "snapshot_id": snapshot_id, "label": label}
    return story.given(Workspace.OperationRequested, **fields)


stopping = under_way(running, "stop")
starting = under_way(stopped, "start")
snapping = under_way(running, "snapshot", SNAPSHOT, "before")
snapped = snapping.given(Workspace.SnapshotTaken, operation_id=OPERATION, snapshot_id=SNAPSHOT, size_bytes=1000)
restoring = under_way(snapped, "restore", SNAPSHOT)
delayed = requested.given(Workspace.Delayed, reason="no engine answers")
cleared = failed.given(Workspace.Cleared)
started = starting.given(Workspace.Started, operation_id=OPERATION, machine=MACHINE, cause=None)
broken = stopping.given(Workspace.OperationFailed, operation_id=OPERATION, operation="stop", reason="no")
adopted = vanished.given(Workspace.Adopted, machine=MACHINE)
extended = running.given(Workspace.Extended, **FOR_TWO_HOURS)
warned = running.given(Workspace.ExpiryWarned, expires_at=T0 + HOUR)

T7 = T0 + timedelta(days=7)
INVITE = UUID("00000000-0000-4000-8000-0000000000dd")
nobody = Story(User)
owner = nobody.given(User.Joined, role="owner", invite_id=None)
admin = nobody.given(User.Joined, role="admin", invite_id=INVITE)
viewer = nobody.given(User.Joined, role="viewer", invite_id=INVITE)
promoted = viewer.given(User.RoleChanged, role="operator")
removed = viewer.given(User.Removed)
forgotten = removed.given(User.Forgotten)
founded = Story(Place).given(Place.Founded, owner_id=ANNA)
transferred = founded.given(Place.Transferred, owner_id=SUBJECT)

uninvited = Story(Invite)
invited = uninvited.given(Invite.Created, created_by=ANNA, role="operator", expires_at=T7, max_uses=None)
for_one = uninvited.given(Invite.Created, created_by=ANNA, role="viewer", expires_at=T7, max_uses=1)
accepted = invited.given(Invite.Accepted, user_id=OPERATION)
used_up = for_one.given(Invite.Accepted, user_id=OPERATION)
revoked = invited.given(Invite.Revoked)
over = invited.given(Invite.Expired, at=T7)

BOB = UUID("00000000-0000-4000-8000-0000000000ee")
SESSION: dict[str, Any] = {
    "host": "host",
    "server": 4711,
    "tmux_id": "$3",
    "name": "main",
    "windows": 1,
    "created_at": T0,
}
OWNED = SESSION | {"host": str(SNAPSHOT), "owner_id": ANNA}
unobserved = Story(Session)
observed = unobserved.given(Session.Found, **SESSION, owner_id=None)
observed_inside = unobserved.given(Session.Found, **OWNED)
renamed = observed.given(Session.Renamed, name="dev")
resized = observed.given(Session.Resized, windows=2)
grouped = observed.given(Session.Grouped, lead_id=SNAPSHOT)
lost = observed.given(Session.Closed)
back = lost.given(Session.FoundAgain, name="main", windows=1)

HALF = timedelta(minutes=30)
free = Story(Claim)
claimed = free.given(Claim.Taken, session_id=SNAPSHOT, holder_id=ANNA, expires_at=T0 + HALF, owner_id=None)
renewed = claimed.given(Claim.Renewed, holder_id=ANNA, expires_at=T0 + 2 * HALF, asking=[])
handover_requested = claimed.given(
    Claim.HandoverRequested, user_id=BOB, holder_id=ANNA, expires_at=T0 + HALF, asking=[BOB]
)
handed_over = handover_requested.given(Claim.HandedOver, holder_id=BOB, expires_at=T0 + HALF)
released = claimed.given(Claim.Released)
ran_out = claimed.given(Claim.Expired, at=T0 + HALF)
taken_over = claimed.given(Claim.TakenAgain, holder_id=BOB, expires_at=T0 + HALF, from_id=ANNA)

CONFIG = {"image": "lab:1", "command": None, "memory_mb": 512, "cpus": 0.5, "pids": 64, "ports": [22]}
CONFIG |= {"disk_mb": None, "user": "tenure"}
no_configs = Story(MachineCatalogue).given(MachineCatalogue.Opened)
one_config = no_configs.given(MachineCatalogue.Added, name="small", made_from=CONFIG)
changed_config = one_config.given(MachineCatalogue.Changed, name="small", made_from=CONFIG | {"memory_mb": 256})
removed_config = one_config.given(MachineCatalogue.Removed, name="small")

ENGINE = {"url": "tcp://10.0.0.2:2375", "host": "paris.example.org", "publish_on": "0.0.0.0"}
no_regions = Story(RegionCatalogue).given(RegionCatalogue.Opened)
one_region = no_regions.given(RegionCatalogue.Added, name="paris", engine=ENGINE)
moved_region = one_region.given(RegionCatalogue.Changed, name="paris", engine=ENGINE | {"url": "ssh://t@p.example.org"})
removed_region = one_region.given(RegionCatalogue.Removed, name="paris")

keyless = Story(ApiKey)
key = keyless.given(ApiKey.Created, owner_id=ANNA, scopes=["full"], expires_at=None)
passing_key = keyless.given(ApiKey.Created, owner_id=ANNA, scopes=["audit", "read"], expires_at=T0 + HOUR)
revoked_key = key.given(ApiKey.Revoked)
forgotten_key = revoked_key.given(ApiKey.Forgotten)
