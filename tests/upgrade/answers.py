"""Every GET that reads stored data, as every client whom it concerns, and the answers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

import httpx

from tests.upgrade.reading import answer_facts

TIMEOUT_S = 20.0
CHROTE = (
    *("/auth/me", "/auth/status", "/api/auth/me", "/api/users", "/api/invites"),
    *("/api/sessions", "/api/terminal/sessions", "/api/terminal/locks"),
)
VM_API = "/api/v1/workspaces", "/api/v1/operations", "/api/v1/machines", "/api/v1/regions", "/api/v1/keys", "/api/v1/me"
ADMIN = "/api/v1/quotas", "/api/v1/orphans", "/api/v1/work"
SUBJECTS = "/api/v1/audit/subjects"
NOT_SHOWN = re.compile(r":Workshop\.")  # 0.1 answers 500, since keys of a JSON object are text
TRAIL = "/api/v1/audit/events"
WHOLE_TRAIL, PART_OF_TRAIL = (f"{TRAIL}?limit=1000", f"{TRAIL}?actor=alice"), (f"{TRAIL}?kind=user",)
WARPDRIVE = "/sessions", "/user/guest_sessions", "/user/api_keys"
CLARATEACH = ("/api/workshops",)
VM_ADMIN = "/api/v0/admin/vms/list", "/api/v0/admin/users", "/api/v0/admin/config"
PATHS_BY_CLIENT: dict[str, tuple[str, ...]] = {
    "olga": (*CHROTE, *PART_OF_TRAIL),
    "adam": (*CHROTE, *VM_API, *ADMIN),
    "otto": CHROTE,
    "oskar": CHROTE,
    "ulla": CHROTE,
    "vera": CHROTE,
    "alice": (*VM_API, *WHOLE_TRAIL),
    "bob": (*VM_API, *WHOLE_TRAIL),
    "carol": (*VM_API, *WHOLE_TRAIL),
    "alice's key": VM_API,
    "carol's key": (*VM_API, *PART_OF_TRAIL),
    "anna": (*WARPDRIVE, *VM_API, *WHOLE_TRAIL),
    "anna's token": (*WARPDRIVE, *VM_API),
    "ben": WARPDRIVE,
    "dan": WARPDRIVE,
    "ida": CLARATEACH,
    "nobody": (*CLARATEACH, "/api/v0/list", "/.well-known/jwks.json", "/auth/status", "/api/v1/workspaces"),
    "olga's key": (*VM_ADMIN, *PART_OF_TRAIL),
    "vic": VM_ADMIN,
    "viv": VM_ADMIN,
    "val": VM_ADMIN,
}
# The paths below each entry of a list: where the list is in the answer, the field of the entry's id, and the paths.
DETAILS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "/api/v1/workspaces": ("", "id", ("{list}/{id}", "{list}/{id}/deadline", "{list}/{id}/snapshots")),
    "/api/v1/operations": ("", "id", ("{list}/{id}",)),
    "/sessions": ("", "session_id", ("{list}/{id}", "{list}/{id}/guests")),
    "/api/workshops": ("workshops", "id", ("{list}/{id}", "{list}/{id}/learners")),
    "/api/v0/list": ("", "id", ("{list}/{id}",)),
    "/api/v0/admin/vms/list": ("", "id", ("{vms}/{id}", "{vms}/{id}/history", "{vms}/{id}/history/1")),
    "/api/v0/admin/users": ("", "id", ("{list}/{id}",)),
}
VMS = "/api/v0/admin/vms"
# Path templates that are not recorded, with the reason.
NOT_RECORDED = {
    r"/(health.*|api/health|metrics)": "about the process",
    r"/(openapi.json|docs.*|redoc)?": "about the code",
    r"/api/v0/screenshot/.*|/api/v0/console/.*": "needs a display",
    r"/api/v0/admin/resources.*": "about the files of this machine",
    r"/vm/.*": "shows what is in a machine",
    r"/api/sessions/\{id\}|/api/tmux/.*": "shows what is on a tmux server",
    r"/(api/)?auth/dev|/(api/)?auth/\{.*|/(api/)?auth/github.*|/(api/)?auth/google.*": "signs somebody in",
    r"/api/session/\{access_code\}": "may issue a token; the test of secrets requests it",
    r"/api/v1/events|/sse/.*|.*/stream": "does not end",
    r"/api/v1/audit/subjects/\{id\}": "`states` requests it",
    r"/api/auth/status": "the same endpoint as /auth/status",
}


@asynccontextmanager
async def open_clients(url: str, credentials: dict[str, dict[str, str]]) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    async with AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(httpx.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT_S))
            for name, headers in credentials.items()
        }


async def record_answers(clients: dict[str, httpx.AsyncClient], extra_paths: list[str]) -> list[dict[str, Any]]:
    """All lists and their details by every client, and the extra paths by nobody in particular."""
    answers = []
    for name, paths in PATHS_BY_CLIENT.items():
        for path in paths:
            answer = await get(clients, name, path)
            answers += [answer, *[await get(clients, name, detail) for detail in details(path, answer)]]
    return answers + [await get(clients, "nobody", path) for path in extra_paths]


def details(path: str, answer: dict[str, Any]) -> list[str]:
    """The paths of the entries of a list that was answered."""
    if path not in DETAILS or answer["status"] != 200:
        return []
    field, id, templates = DETAILS[path]
    entries = answer["body"][field] if field else answer["body"]
    return [template.format(list=path, vms=VMS, id=entry[id]) for entry in entries for template in templates]


async def get(clients: dict[str, httpx.AsyncClient], name: str, path: str) -> dict[str, Any]:
    return {"client": name, "path": path, **answer_facts(await clients[name].get(path))}


async def record_states(auditor: httpx.AsyncClient, log: list[tuple[int, UUID, str]]) -> list[dict[str, Any]]:
    """The state of each event's subject at the event's position, but for subjects that 0.1 cannot show."""
    return [
        {
            "subject": str(id),
            "at": position,
            **answer_facts(await auditor.get(f"{SUBJECTS}/{id}", params={"at": position})),
        }
        for position, id, topic in log
        if not NOT_SHOWN.search(topic)
    ]


def missing_paths(openapi: dict[str, Any], answers: list[dict[str, Any]]) -> list[str]:
    """Path templates with a GET that are neither recorded nor in `NOT_RECORDED`."""
    recorded = {answer["path"].partition("?")[0] for answer in answers}
    missing = []
    for template, methods in openapi["paths"].items():
        pattern = re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template)))
        if "get" in methods and not any(pattern.fullmatch(path) for path in recorded):
            missing.append(template)
    return [path for path in missing if not any(re.fullmatch(exception, path) for exception in NOT_RECORDED)]
