"""The permission table of every operation, stream and socket: which credential it takes, and which action it is.

`application/access.py` says who may do an action; here stands which action a route is. The reference page
`permissions.md` is made from both, and a test asks every route as everybody and compares. A route that is not here
fails that test.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Credential(Enum):
    """Which credentials an operation takes."""

    NONE = "none"
    PERSON = "an API key or its token, a login, or an identity header"
    PERSON_ITSELF = "an API key, a login, or an identity header; no token"
    MEMBER = "a login, or a member's API key or its token"
    SIGNED_IN = "a login, an instructor's token, or a member's API key or its token"
    KEY = "an API key or its token"
    KEY_ITSELF = "an API key"
    INSTRUCTOR = "an instructor's token, an API key or its token, an identity header or a login; none on an open portal"
    ACCOUNT = "the token of a VM account, or an API key or its token"
    SEAT = "the token of the seat"


@dataclass(frozen=True)
class Permission:
    """What an operation needs."""

    credential: Credential
    actions: tuple[str, ...] = ()  # all of them, as `application.access.NEEDS` names them


def public() -> Permission:
    return Permission(Credential.NONE)


def person(*actions: str) -> Permission:
    return Permission(Credential.PERSON, actions)


def member(*actions: str) -> Permission:
    return Permission(Credential.MEMBER, ("session.view", *actions))


def key(*actions: str) -> Permission:
    return Permission(Credential.KEY, actions)


def instructor(*actions: str) -> Permission:
    return Permission(Credential.INSTRUCTOR, actions)


def account(*actions: str) -> Permission:
    return Permission(Credential.ACCOUNT, actions)


def administrator(*actions: str) -> Permission:
    return Permission(Credential.ACCOUNT, ("vm_server.see", *actions))


def seat() -> Permission:
    return Permission(Credential.SEAT)


VM_API = {
    "GET /api/v1/workspaces": person("workspace.list"),
    "POST /api/v1/workspaces": person("workspace.request"),
    "GET /api/v1/workspaces/{id}": person("workspace.see"),
    "DELETE /api/v1/workspaces/{id}": person("workspace.delete"),
    "POST /api/v1/workspaces/{id}/extend": person("workspace.extend"),
    "GET /api/v1/workspaces/{id}/deadline": person("workspace.see"),
    "GET /api/v1/workspaces/{id}/snapshots": person("workspace.see"),
    "POST /api/v1/workspaces/{id}/snapshots": person("workspace.operate"),
    "POST /api/v1/workspaces/{id}/snapshots/{snapshot_id}/restore": person("workspace.operate"),
    "POST /api/v1/workspaces/{id}/start": person("workspace.operate"),
    "POST /api/v1/workspaces/{id}/stop": person("workspace.operate"),
    "POST /api/v1/workspaces/{id}/restart": person("workspace.operate"),
    "GET /api/v1/operations": person("workspace.list"),
    "GET /api/v1/operations/{id}": person("workspace.list"),
}
SIGN_IN = {
    "GET /me": Permission(Credential.SIGNED_IN, ("session.view",)),
    "POST /logout": public(),
    "GET /dev": public(),
    "GET /status": public(),
    "GET /{provider}": public(),
    "GET /{provider}/callback": public(),
}
CHROTE = {
    **{
        operation.replace(" ", f" {prefix}"): permission
        for prefix in ("/auth", "/api/auth")
        for operation, permission in SIGN_IN.items()
    },
    "GET /api/users": member("user.manage"),
    "PATCH /api/users/{id}/role": member("user.manage"),
    "DELETE /api/users/{id}": member("user.manage"),
    "POST /api/invites": member("invite.create"),
    "GET /api/invites": member("invite.create"),
    "DELETE /api/invites/{id}": member("invite.create"),
    "GET /api/invites/{token}/validate": public(),
    "POST /api/invites/{token}/accept": member("invite.accept"),
    "GET /invite/{token}": public(),
    "GET /api/sessions": member(),
    "GET /api/sessions/{id}": member(),
    "POST /api/sessions/{id}/claim": member("session.claim"),
    "DELETE /api/sessions/{id}/claim": member("session.give_up"),
    "POST /api/sessions/{id}/claim/handover": member("session.claim"),
    "GET /api/tmux/sessions/{session}/panes/{pane}/capture": member(),
    "GET /api/terminal/sessions": member(),
    "GET /api/terminal/locks": member(),
    "POST /api/terminal/sessions/{id}/lock": member("session.claim"),
    "POST /api/terminal/sessions/{id}/release": member("session.give_up"),
    "WS /ws": member(),
    "WS /ws/terminal/{id}": member(),
}
WARPDRIVE = {
    "POST /token": Permission(Credential.KEY_ITSELF),
    "GET /user/api_keys": key("key.list"),
    "POST /user/api_keys": Permission(Credential.KEY_ITSELF, ("key.create",)),
    "DELETE /user/api_keys/{id}": key("key.revoke"),
    "GET /sessions": key("hosted_session.list"),
    "POST /sessions": key("hosted_session.open"),
    "GET /sessions/{session_id}": key("hosted_session.see"),
    "POST /sessions/{session_id}/terminate": key("hosted_session.manage"),
    "DELETE /sessions/{session_id}": key("hosted_session.manage"),
    "GET /sessions/{session_id}/guests": key("hosted_session.see"),
    "GET /user/guest_sessions": key("guest.list"),
    "POST /sessions/{session_id}/approve": key("hosted_session.manage"),
    "POST /sessions/{session_id}/reject": key("hosted_session.manage"),
    "DELETE /sessions/{session_id}/guests/{joiner_uuid}": key("hosted_session.manage"),
    "GET /sse/session/{session_id}/owner": key("hosted_session.see"),
    "POST /sse/session/alias/{alias}/guest": key("guest.ask"),
}
CLARATEACH = {
    "GET /api/workshops": instructor("workshop.list"),
    "POST /api/workshops": instructor("workshop.create"),
    "GET /api/workshops/{id}": instructor("workshop.see"),
    "POST /api/workshops/{id}/start": instructor("workshop.manage"),
    "POST /api/workshops/{id}/stop": instructor("workshop.manage"),
    "POST /api/workshops/{id}/extend": instructor("workshop.manage"),
    "DELETE /api/workshops/{id}": instructor("workshop.manage"),
    "GET /api/workshops/{id}/learners": instructor("workshop.see"),
    "GET /api/workshops/{id}/learners/stream": instructor("workshop.see"),
    "DELETE /api/workshops/{id}/learners/{seat}": instructor("workshop.manage"),
    "POST /api/join": public(),
    "POST /api/register": public(),
    "GET /api/session/{access_code}": public(),
    "POST /api/auth/register": public(),
    "POST /api/auth/login": public(),
    "GET /vm/{seat}/files": seat(),
    "GET /vm/{seat}/files/{path}": seat(),
    "PUT /vm/{seat}/files/{path}": seat(),
    "DELETE /vm/{seat}/files/{path}": seat(),
    "WS /vm/{seat}/terminal": seat(),
    "GET /vm/{seat}/browser/": seat(),
    "WS /vm/{seat}/browser": seat(),
}
NEPTUNED = {
    "POST /api/v0/register": public(),
    "POST /api/v0/login": public(),
    "POST /api/v0/logout": account("vm_account.use"),
    "POST /api/v0/change_password": account("vm_account.use"),
    "POST /api/v0/delete_account": account("vm_account.use"),
    "GET /api/v0/admin/config": administrator("vm_server.see"),
    "PATCH /api/v0/admin/config": administrator("vm_server.configure"),
    "GET /api/v0/admin/users": administrator("vm_account.list"),
    "POST /api/v0/admin/users/create": administrator("vm_account.manage"),
    "GET /api/v0/admin/users/{user_id}": administrator("vm_account.list"),
    "DELETE /api/v0/admin/users/{user_id}": administrator("vm_account.manage"),
    "POST /api/v0/admin/users/{user_id}/change_type": administrator("vm_account.manage"),
    "POST /api/v0/admin/users/{user_id}/change_password": administrator("vm_account.manage"),
    "POST /api/v0/admin/users/{user_id}/ban": administrator("vm_account.manage"),
    "POST /api/v0/admin/users/{user_id}/unban": administrator("vm_account.manage"),
    "GET /api/v0/admin/vms/list": administrator("vm.see"),
    "POST /api/v0/admin/vms/create": administrator("vm.configure"),
    "GET /api/v0/admin/vms/{vm}": administrator("vm.see"),
    "PATCH /api/v0/admin/vms/{vm}": administrator("vm.configure"),
    "DELETE /api/v0/admin/vms/{vm}": administrator("vm.configure"),
    "POST /api/v0/admin/vms/{vm}/start": administrator("vm.operate"),
    "POST /api/v0/admin/vms/{vm}/stop": administrator("vm.operate"),
    "POST /api/v0/admin/vms/{vm}/restart": administrator("vm.operate"),
    "GET /api/v0/admin/vms/{vm}/history": administrator("vm.see"),
    "GET /api/v0/admin/vms/{vm}/history/{revision}": administrator("vm.see"),
    "GET /api/v0/list": public(),
    "GET /api/v0/list/{vm}": public(),
    "GET /api/v0/screenshot/{vm}": public(),
    "GET /api/v0/console/{vm}": public(),
    "WS /api/v0/connect/{vm}": account("vm.view"),
}
NATIVE = {
    "GET /api/v1/events": person("trail.see"),
    "WS /api/v1/events": person("trail.see"),
    "GET /api/v1/audit/events": person("trail.see"),
    "GET /api/v1/audit/subjects/{id}": person("trail.see"),
    "GET /api/health": public(),
    "GET /health": public(),
    "GET /health/ready": public(),
    "GET /metrics": public(),
    "GET /": public(),
    "GET /home.js": public(),
    "GET /api/v1/machines": person("place.see"),
    "PUT /api/v1/machines/{name}": person("place.configure"),
    "DELETE /api/v1/machines/{name}": person("place.configure"),
    "GET /api/v1/regions": person("place.see"),
    "PUT /api/v1/regions/{name}": person("place.configure"),
    "DELETE /api/v1/regions/{name}": person("place.configure"),
    "GET /api/v1/keys": person("key.list"),
    "POST /api/v1/keys": Permission(Credential.PERSON_ITSELF, ("key.create",)),
    "DELETE /api/v1/keys/{id}": person("key.revoke"),
    "GET /.well-known/jwks.json": public(),
    "GET /asyncapi.json": public(),
    "GET /docs": public(),
    "GET /docs/swagger-ui-bundle.js": public(),
    "GET /docs/swagger-ui.css": public(),
    "GET /redoc": public(),
    "GET /api/v1/work": person("work.list"),
    "POST /api/v1/work/{work_id}/retry": person("work.manage"),
    "DELETE /api/v1/work/{work_id}": person("work.manage"),
    "GET /api/v1/orphans": person("orphan.see"),
    "POST /api/v1/orphans/{id}/adopt": person("orphan.settle"),
    "DELETE /api/v1/orphans/{id}": person("orphan.settle"),
    "GET /api/v1/me": person("quota.see"),
    "GET /api/v1/quotas": person("quota.see_all"),
    "PUT /api/v1/quotas/roles/{role}": person("quota.configure"),
    "PUT /api/v1/quotas/users/{id}": person("quota.configure"),
}
PERMISSIONS: dict[str, Permission] = {**VM_API, **CHROTE, **WARPDRIVE, **CLARATEACH, **NEPTUNED, **NATIVE}
