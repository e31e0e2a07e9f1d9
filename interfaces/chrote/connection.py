"""One WebSocket connection of CHROTE: authentication, close codes, and the events that the actor may see."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import aclosing, suppress
from typing import Any, TypeVar

import anyio
from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from application.access import Actor
from application.ports.errors import Unavailable
from application.quotas import OpenStream
from application.roles import present_role
from domain.errors import NotAllowed, Refused
from domain.role import Role
from interfaces.chrote.credentials import current_role, member, require_own_origin
from interfaces.chrote.deps import ChroteDeps, chrote_deps
from interfaces.chrote.messages import Heartbeat, Message, MessageError, encode
from interfaces.http.deps import http_deps
from interfaces.http.errors import Unauthenticated, error_response
from interfaces.http.leases import AccessEnded, Lease, lease
from projections.stream_reader import AccessRevoked, CutOff, Push, ShuttingDown, StreamMessage

# The codes that a socket is closed with (C36, C42, C49, C59).
UNAUTHENTICATED_CODE, NO_SESSION_CODE, SILENT_CODE = 4001, 4004, 4000
SHUTTING_DOWN_CODE, TOO_SLOW_CODE = 1001, 1013
SEND_TIMEOUT_S = 10.0  # a client that takes nothing for so long is disconnected
RETRY_DELAY_S = 1.0  # while the database does not answer
Request = TypeVar("Request")


class ConnectionClosed(Exception):
    """The socket is closed."""


class Connection:
    """An accepted socket and the actor who opened it. `actor` always has the role that the user has now.

    `opened` counts against the actor's quota of streams until it is closed.
    """

    def __init__(self, socket: WebSocket, actor: Actor, opened: OpenStream) -> None:
        self.actor, self.opened = actor, opened
        self.deps: ChroteDeps = chrote_deps(socket)
        self._socket, self._http = socket, http_deps(socket)

    async def send(self, message: Message) -> None:
        """Raises `ConnectionClosed` if the socket is closed, or the client takes nothing."""
        await self.send_text(encode(message))

    async def send_text(self, text: str) -> None:
        """Send an encoded message. Raises as `send` does."""
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._socket.send_text(text)
        except TimeoutError:
            await self.close(TOO_SLOW_CODE, "you do not keep up")
            raise ConnectionClosed from None
        except (WebSocketDisconnect, RuntimeError):
            raise ConnectionClosed from None

    async def close(self, code: int, reason: str) -> None:
        """Close the socket, if it is still open."""
        with suppress(RuntimeError, WebSocketDisconnect):
            await self._socket.close(code, reason)

    async def _receive(self, held_lease: Lease) -> str | bytes:
        """The text of the next message.

        Raises `ConnectionClosed` when the client leaves, stays silent too long, or its access ends.
        """
        message: MutableMapping[str, Any] = {}
        try:
            with anyio.CancelScope() as scope:
                held_lease.call_on_end(scope.cancel)
                async with asyncio.timeout(self.deps.heartbeat_seconds):
                    message = await self._socket.receive()
        except TimeoutError:
            await self.close(SILENT_CODE, "Heartbeat timeout")
            raise ConnectionClosed from None
        except RuntimeError:
            raise ConnectionClosed from None
        finally:
            held_lease.call_on_end(None)
        if held_lease.has_ended:
            await self._require_access(held_lease)
        if message["type"] == "websocket.disconnect":
            raise ConnectionClosed
        return message.get("text") or message.get("bytes") or b""

    async def listen(
        self, parse: Callable[[str | bytes], Request], answer: Callable[[Request], Awaitable[None]]
    ) -> None:
        """Parse and answer each message. What is refused becomes an error message. Raises `ConnectionClosed`.

        Each message is answered with the access that the log has then: a role counts from the moment on that its change
        was acknowledged, on whatever server that was.
        """
        with lease(self._socket, self.actor, member) as held_lease:
            while True:
                text = await self._receive(held_lease)
                try:
                    request = parse(text)
                    if not isinstance(request, Heartbeat):
                        await self._require_access(held_lease)
                    await answer(request)
                except MessageError as error:
                    await self.send(error.error)
                except NotAllowed as error:
                    await self.send(MessageError("FORBIDDEN", str(error)).error)
                except Refused as error:
                    await self.send(MessageError(error.code.upper(), str(error)).error)
                except Unavailable as error:
                    await self.send(MessageError("UNAVAILABLE", str(error)).error)

    async def _require_access(self, held_lease: Lease) -> None:
        """Set the role that the log has now. Closes the socket, and raises `ConnectionClosed`, without access."""
        try:
            await held_lease.check()
            role = await present_role(self._http.platform, self.actor.user_id)
            if role is None:
                raise AccessRevoked
        except ShuttingDown:
            await self.close(SHUTTING_DOWN_CODE, "Server shutting down")
            raise ConnectionClosed from None
        except (AccessEnded, AccessRevoked):
            await self.close(UNAUTHENTICATED_CODE, "Authentication required")
            raise ConnectionClosed from None
        self._set_role(role)

    async def follow(self, on_ready: Callable[[], Awaitable[None]], on_push: Callable[[Push], Awaitable[None]]) -> None:
        """Pass on every event that the actor may see. Raises `ConnectionClosed` when access or the server ends.

        `on_ready` runs at the start, and again whenever events were missed. A new role of the user is set on `actor`
        before `on_push` gets the event. A removed account closes the socket (4001).
        """
        while True:
            try:
                async with aclosing(self.deps.hub.follow(self.actor, None, None)) as batches:
                    async for batch in batches:
                        for message in batch:
                            await self._pass_on(message, on_ready, on_push)
            except ShuttingDown:
                await self.close(SHUTTING_DOWN_CODE, "Server shutting down")
                raise ConnectionClosed from None
            except AccessRevoked:
                await self.close(UNAUTHENTICATED_CODE, "Authentication required")
                raise ConnectionClosed from None
            except CutOff:
                continue
            except Unavailable:
                await asyncio.sleep(RETRY_DELAY_S)

    async def _pass_on(
        self,
        message: StreamMessage,
        on_ready: Callable[[], Awaitable[None]],
        on_push: Callable[[Push], Awaitable[None]],
    ) -> None:
        if not isinstance(message, Push):
            await self._refresh_role()
            await on_ready()
            return
        if message.entry.kind == "user.role_changed" and message.entry.subject == self.actor.user_id:
            self._set_role(Role(message.entry.facts["role"]))
        await on_push(message)

    async def _refresh_role(self) -> None:
        role = await current_role(self.deps, self.actor.user_id)
        if role is None:
            raise AccessRevoked
        self._set_role(role)

    def _set_role(self, role: Role) -> None:
        if role != self.actor.role:
            self.actor = self.actor.with_role(role)


async def open_connection(socket: WebSocket) -> Connection | None:
    """Accept the socket of a signed-in user. None: it was refused (C36, C49), with 403 for pages of another origin."""
    try:
        require_own_origin(socket)
    except NotAllowed as error:
        await socket.send_denial_response(error_response(socket.app, socket.url.path, 403, error.code, str(error)))
        return None
    try:
        actor = await member(socket)
    except Unauthenticated as error:
        await socket.accept()
        await socket.close(UNAUTHENTICATED_CODE, str(error))
        return None
    except Unavailable as error:
        await socket.send_denial_response(error_response(socket.app, socket.url.path, 503, "unavailable", str(error)))
        return None
    opened = await http_deps(socket).quotas.open_stream(actor)
    try:
        await socket.accept()
    except BaseException:
        opened.close()
        raise
    return Connection(socket, actor, opened)
