"""What can be read over HTTP, asked for by everybody whom it concerns, and what was answered."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx

from tests.upgrade.reading import answered

TIMEOUT_S = 20.0
CHROTE = "/auth/me", "/auth/status", "/api/auth/me", "/api/sessions", "/api/terminal/sessions", "/api/terminal/locks"
CHROTE += "/api/users", "/api/invites"
VM_API = "/api/v1/workspaces", "/api/v1/operations", "/api/v1/machines", "/api/v1/regions", "/api/v1/keys"
SUBJECTS = "/api/v1/audit/subjects"
UNSHOWN = re.compile(r":Workshop\.")  # 0.1 answers 500: its seats go by numbers, which are no keys of a JSON object
TRAIL = "/api/v1/audit/events"
ALL, SOME = (f"{TRAIL}?limit=1000", f"{TRAIL}?actor=alice"), (f"{TRAIL}?kind=user",)
WARPDRIVE = "/sessions", "/user/guest_sessions", "/user/api_keys"
CLARATEACH = ("/api/workshops",)
VM_ADMIN = "/api/v0/admin/vms/list", "/api/v0/admin/users", "/api/v0/admin/config"
WHO: dict[str, tuple[str, ...]] = {
    "olga": (*CHROTE, *SOME),
    "adam": (*CHROTE, *VM_API),
    "otto": CHROTE,
    "oskar": CHROTE,
    "ulla": CHROTE,
    "vera": CHROTE,
    "alice": (*VM_API, *ALL),
    "bob": (*VM_API, *ALL),
    "carol": (*VM_API, *ALL),
    "alice's key": VM_API,
    "carol's key": (*VM_API, *SOME),
    "anna": (*WARPDRIVE, *VM_API, *ALL),
    "anna's token": (*WARPDRIVE, *VM_API),
    "ben": WARPDRIVE,
    "dan": WARPDRIVE,
    "ida": CLARATEACH,
    "nobody": (*CLARATEACH, "/api/v0/list", "/.well-known/jwks.json", "/auth/status", "/api/v1/workspaces"),
    "olga's key": (*VM_ADMIN, *SOME),
    "vic": VM_ADMIN,
    "viv": VM_ADMIN,
    "val": VM_ADMIN,
}
# What is asked next for every entry of a list, by where the entry's id is.
NEXT: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "/api/v1/workspaces": ("", "id", ("/{}", "/{}/deadline", "/{}/snapshots")),
    "/api/v1/operations": ("", "id", ("/{}",)),
    "/sessions": ("", "session_id", ("/{}", "/{}/guests")),
    "/api/workshops": ("workshops", "id", ("/{}", "/{}/learners")),
    "/api/v0/list": ("", "id", ("/{}",)),
    "/api/v0/admin/vms/list": ("", "id", ("/../{}", "/../{}/history", "/../{}/history/1")),
    "/api/v0/admin/users": ("", "id", ("/{}",)),
}
# What is not asked for, with the reason.
LEFT_OUT = {
    r"/(health.*|api/health|metrics)": "it is about the process, not about what is stored",
    r"/(openapi.json|docs.*|redoc)?": "it is about the code",
    r"/api/v0/screenshot/.*|/api/v0/console/.*": "it needs a display",
    r"/api/v0/admin/resources.*": "it is about this machine",
    r"/vm/.*": "it is what is in a machine, not in the database",
    r"/api/sessions/\{id\}|/api/tmux/.*": "it is what a tmux server shows",
    r"/(api/)?auth/dev|/(api/)?auth/\{.*|/(api/)?auth/github.*|/(api/)?auth/google.*": "it signs somebody in",
    r"/api/session/\{access_code\}": "it makes a token where the workshop runs; the test asks for it itself",
    r"/api/v1/events|/sse/.*|.*/stream": "it does not end",
    r"/api/v1/audit/subjects/\{id\}": "`states` asks for it",
    r"/api/auth/status": "another address of /auth/status",
}


@asynccontextmanager
async def clients(url: str, credentials: dict[str, dict[str, str]]) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    made = {
        name: httpx.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT_S)
        for name, headers in credentials.items()
    }
    try:
        yield made
    finally:
        for client in made.values():
            await client.aclose()


async def everything(by_name: dict[str, httpx.AsyncClient], more: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """Ask for all of it. `more`: who, what."""
    return [told async for told in _everything(by_name, more)]


async def _everything(
    by_name: dict[str, httpx.AsyncClient], more: Iterable[tuple[str, str]]
) -> AsyncIterator[dict[str, Any]]:
    for name, paths in WHO.items():
        for path in paths:
            told = await ask(by_name, name, path)
            yield told
            where, id, then = NEXT.get(path, ("", "", ()))
            listed = told["body"].get(where, []) if where and isinstance(told["body"], dict) else told["body"]
            if told["status"] == 200:
                for entry in listed if then else ():
                    for next_path in then:
                        yield await ask(by_name, name, joined(path, next_path.format(entry[id])))
    for name, path in more:
        yield await ask(by_name, name, path)


def joined(path: str, then: str) -> str:
    return path.rpartition("/")[0] + then.removeprefix("/..") if then.startswith("/..") else path + then


async def ask(by_name: dict[str, httpx.AsyncClient], name: str, path: str) -> dict[str, Any]:
    """One answer, with who asked for what."""
    return {"who": name, "path": path, **answered(await by_name[name].get(path))}


async def states(auditor: httpx.AsyncClient, log: list[tuple[int, UUID, str]]) -> list[dict[str, Any]]:
    """What the subject of each event was after it, but for those that cannot be shown."""
    found = []
    for position, id, topic in log:
        if not UNSHOWN.search(topic):
            told = answered(await auditor.get(f"{SUBJECTS}/{id}", params={"at": position}))
            found.append({"subject": str(id), "at": position, **told})
    return found


def unasked(openapi: dict[str, Any], answers: list[dict[str, Any]]) -> list[str]:
    """The paths that can be read, that nobody has read, and that are not left out either."""
    read = {told["path"].partition("?")[0] for told in answers}
    missing = []
    for template, methods in openapi["paths"].items():
        pattern = re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template)))
        if "get" in methods and not any(pattern.fullmatch(path) for path in read):
            missing.append(template)
    return [path for path in missing if not any(re.fullmatch(one, path) for one in LEFT_OUT)]
