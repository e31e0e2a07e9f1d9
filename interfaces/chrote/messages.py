"""One WebSocket of CHROTE's: let in by its cookie, closed with the contract's codes, and told when it errs."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any, TypeVar

import orjson
from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from application.access import Actor
from application.ports.errors import Unavailable
from domain.errors import NotAllowed, Refused
from domain.role import Role
from interfaces.chrote.credentials import current_role, member, require_own_origin
from interfaces.chrote.deps import ChroteDeps, chrote_deps
from interfaces.http.errors import Unauthenticated, refuse
from projections.stream_reader import AccessRevoked, CutOff, Push, ShuttingDown, StreamMessage

UNAUTHENTICATED, NO_SESSION, SILENT, SHUTTING_DOWN, TOO_SLOW = 4001, 4004, 4000, 1001, 1013
SEND_SECONDS = 10.0  # a client that takes nothing for so long is let go
REMEMBERED = 200  # frames that are the same for many
Made = TypeVar("Made")


class Wrong(Exception):
    """What a client sent is answered with an error; the socket lives."""

    def __init__(self, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.details = code, message, details


class Over(Exception):
    """The socket is closed."""


class Wire:
    def __init__(self, socket: WebSocket, actor: Actor) -> None:
        self.socket, self.actor = socket, actor
        self.deps: ChroteDeps = chrote_deps(socket)

    async def say(self, message: dict[str, Any]) -> None:
        await self.send(frame(message))

    async def send(self, text: str) -> None:
        """Raises `Over` if it is closed, or takes nothing any more."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self.socket.send_text(text)
        except TimeoutError:
            await self.close(TOO_SLOW, "you do not keep up")
            raise Over from None
        except (WebSocketDisconnect, RuntimeError):
            raise Over from None

    async def close(self, code: int, reason: str) -> None:
        with suppress(RuntimeError, WebSocketDisconnect):  # it is closed already
            await self.socket.close(code, reason)

    async def heard(self) -> dict[str, Any]:
        """The next message. Silence closes it (4000). Raises `Over` then, and when the client has gone."""
        while True:
            try:
                async with asyncio.timeout(self.deps.heartbeat_seconds):
                    message = await self.socket.receive()
            except TimeoutError:
                await self.close(SILENT, "Heartbeat timeout")
                raise Over from None
            except RuntimeError:
                raise Over from None
            if message["type"] == "websocket.disconnect":
                raise Over
            try:
                said = orjson.loads(message.get("text") or message.get("bytes") or b"")
            except orjson.JSONDecodeError:
                said = None
            if isinstance(said, dict) and isinstance(said.get("type"), str):
                return said
            await self.wrong(Wrong("INVALID_MESSAGE", "A message must be a JSON object with a type"))

    async def wrong(self, it: Wrong) -> None:
        more = {"details": it.details} if it.details else {}
        await self.say({"type": "error", "code": it.code, "message": it.message, **more})

    async def listen(self, answer: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        """Answer what is said, until it is over."""
        while True:
            said = await self.heard()
            try:
                await answer(said)
            except Wrong as wrong:
                await self.wrong(wrong)
            except NotAllowed as no:
                await self.wrong(Wrong("FORBIDDEN", str(no)))
            except Refused as no:
                await self.wrong(Wrong(no.code.upper(), str(no)))
            except Unavailable as away:
                await self.wrong(Wrong("UNAVAILABLE", str(away)))

    async def follow(self, ready: Callable[[], Awaitable[None]], told: Callable[[Push], Awaitable[None]]) -> None:
        """What happens, as far as the actor may know: `ready` once, and again where something was missed.

        A role that changes is the actor's at once; an account that is taken away closes the socket (4001).
        """
        while True:
            try:
                async with aclosing(self.deps.hub.follow(self.actor, None, None)) as pushes:
                    async for some in pushes:
                        for push in some:
                            await self._heard(push, ready, told)
            except ShuttingDown:
                await self.close(SHUTTING_DOWN, "Server shutting down")
                raise Over from None
            except AccessRevoked:
                await self.close(UNAUTHENTICATED, "Authentication required")
                raise Over from None
            except CutOff:
                continue
            except Unavailable:
                await asyncio.sleep(1)

    async def _heard(
        self, push: StreamMessage, ready: Callable[[], Awaitable[None]], told: Callable[[Push], Awaitable[None]]
    ) -> None:
        if not isinstance(push, Push):
            await self._look_at_role()
            await ready()
            return
        if push.entry.kind == "user.role_changed" and push.entry.subject == self.actor.user_id:
            self._is(Role(push.entry.facts["role"]))
        await told(push)

    async def _look_at_role(self) -> None:
        role = await current_role(self.deps, self.actor.user_id)
        if role is None:
            raise AccessRevoked
        self._is(role)

    def _is(self, role: Role) -> None:
        self.actor = replace(self.actor, role=role, auditor=role.at_least(Role.ADMIN))


async def opened(socket: WebSocket) -> Wire | None:
    """Accepted, if somebody who has signed in asks; None: refused. Other people's pages get 403 (C36, C49)."""
    try:
        require_own_origin(socket)
    except NotAllowed as no:
        await socket.send_denial_response(refuse(socket.app, socket.url.path, 403, no.code, str(no)))
        return None
    try:
        actor = await member(socket)
    except Unauthenticated as nobody:
        await socket.accept()
        await socket.close(UNAUTHENTICATED, str(nobody))
        return None
    except Unavailable as away:
        await socket.send_denial_response(refuse(socket.app, socket.url.path, 503, "unavailable", str(away)))
        return None
    await socket.accept()
    return Wire(socket, actor)


def frame(message: dict[str, Any]) -> str:
    return orjson.dumps(message, option=orjson.OPT_UTC_Z).decode()


class Once:
    """Frames that are the same for everybody, made by the first who needs them."""

    def __init__(self) -> None:
        self._made: OrderedDict[Hashable, asyncio.Task[Any]] = OrderedDict()

    async def __call__(self, key: Hashable, make: Callable[[], Awaitable[dict[str, Any]]]) -> str:
        """`key` says what it is, and in which state."""

        async def made() -> str:
            return frame(await make())

        return await self.value(key, made)

    async def value(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, Made]]) -> Made:
        """The same for what is no frame yet."""
        if key not in self._made:
            self._made[key] = asyncio.create_task(make())
            if len(self._made) > REMEMBERED:
                self._made.popitem(last=False)
        try:
            made: Made = await asyncio.shield(self._made[key])
            return made
        except Exception:
            self._made.pop(key, None)
            raise


def once(socket: WebSocket) -> Once:
    found: Once | None = getattr(socket.app.state, "once", None)
    if found is None:
        found = socket.app.state.once = Once()
    return found


def text_of(said: dict[str, Any], field: str) -> str:
    """A field that has to be there, and text."""
    value = said.get(field)
    if not isinstance(value, str):
        raise Wrong("INVALID_MESSAGE", f"{field} must be text")
    return value


def pane_of(said: dict[str, Any]) -> str | None:
    """The pane's number, as text or as a number; None: it is not said."""
    pane = said.get("pane")
    if pane is None or isinstance(pane, str):
        return pane
    if isinstance(pane, int) and not isinstance(pane, bool):
        return str(pane)
    raise Wrong("INVALID_MESSAGE", "pane must be the number of a pane")


def keys_of(said: dict[str, Any]) -> bytes:
    """The bytes that a terminal gets: Enter is a carriage return, however it is written."""
    return text_of(said, "keys").replace("\n", "\r").encode()


def plain(mode: object) -> bool:
    """Whether whole screens are wanted instead of what a terminal writes."""
    if mode not in (None, "", "terminal", "screen"):
        raise Wrong("INVALID_MESSAGE", 'mode must be "screen", or left out')
    return mode == "screen"
