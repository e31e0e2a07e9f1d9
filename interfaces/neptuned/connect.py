"""/connect/{vm}: a machine's display over WebRTC (N29 to N33). The WebSocket carries what arranges that.

    offer {RTCSessionDescription}        to the client, at once
    candidate {RTCIceCandidate}          either way
    answer {RTCSessionDescription}       from the client
    error {message}                      to it, for what makes no sense

With the offer comes a data channel, `control`. When that is open the WebSocket has done its work and may go; what is
said on the channel looks the same:

    control/move, control/keydown …      from the client: the mouse and the keyboard
    turn/take, turn/release, turn/look   from it: to use the machine, when it is their turn
    turn {yours, until, waiting, place}  to it, whenever that changes, and when it asks
    quality {name}                       from it: full or small
    error {message}                      to it
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import anyio
from fastapi import APIRouter, Response, WebSocket
from starlette.responses import HTMLResponse
from starlette.websockets import WebSocketDisconnect

from application.console_rooms import NotYourTurn, RoomMember, TurnStatus
from application.ports.consoles import ConsoleViewer, Quality
from application.ports.errors import Unavailable
from application.vm_configs import WrongVmPassword
from domain.errors import Invalid, NotAllowed, NotFound, Refused
from interfaces.http.display_messages import act, message, page, said
from interfaces.http.identity import client_address
from interfaces.neptuned.credentials import BASE, admitted, let_go
from interfaces.neptuned.deps import neptuned_deps
from interfaces.neptuned.public import running
from projections.stream_reader import ShuttingDown

router = APIRouter(prefix=BASE)
PAGE = page("interfaces.neptuned", "console.html")
PATIENCE = 15.0  # seconds from when a WebSocket goes until pictures have to get through, or it was for nothing
WELL, GONE_AWAY, NOT_YOURS, OVER = 1000, 1001, 1008, 1011
NOT_YOUR_TURN = "it is somebody else's turn; ask for yours with turn/take"
OTHERS = "turn/take, turn/release, turn/look, quality"


class Ended(Exception):
    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


@router.get("/console/{vm}", include_in_schema=False)
async def console(vm: str) -> Response:
    """A page that shows a machine, and lets it be used. What it needs stands behind the # of its address."""
    return HTMLResponse(PAGE, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


@router.websocket("/connect/{vm}")
async def connect(socket: WebSocket, vm: str, quality: Quality = Quality.FULL) -> None:
    deps = neptuned_deps(socket)
    who = await admitted(socket)
    row = await running(deps, vm)
    guesser = f"{row.id} {client_address(socket)}"
    try:
        await deps.vm_configs.admit(who, row.id, row.private, socket.query_params.get("password", ""), guesser)
    except WrongVmPassword:
        raise NotAllowed("this machine is private: its password is needed in ?password=") from None
    async with deps.consoles.watch(row.id, quality) as viewer:
        await socket.accept()

        def on_turn(turn: TurnStatus) -> None:
            viewer.send(message("turn", turn_json(turn)))

        async with deps.console_rooms.enter(row.id, who, viewer, on_turn) as member:
            await Session(socket, viewer, member).run()


class Session:
    """One browser, from its handshake until either side has gone."""

    def __init__(self, socket: WebSocket, viewer: ConsoleViewer, member: RoomMember) -> None:
        self._socket, self._viewer, self._member = socket, viewer, member
        self._deps = neptuned_deps(socket)

    async def run(self) -> None:
        try:
            async with anyio.create_task_group() as tasks:
                for part in (self._arrange, self._listen, self._hold):
                    tasks.start_soon(part)
        except* Ended as ends:
            await self._close(first(ends))

    async def _close(self, why: BaseException) -> None:
        assert isinstance(why, Ended)
        if why.code != WELL:
            self._viewer.send(message("error", {"message": str(why)}))
        with suppress(WebSocketDisconnect, RuntimeError):  # it may have gone long ago
            await self._socket.close(why.code, str(why)[:100])

    # -- on the WebSocket --------------------------------------------------------

    async def _arrange(self) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            await self._say("offer", await self._viewer.offer())
            for candidate in self._viewer.candidates():
                await self._say("candidate", candidate)
            while (heard := await self._socket.receive())["type"] != "websocket.disconnect":
                try:
                    await self._answer(heard.get("text") or heard.get("bytes") or b"")
                except Invalid as wrong:
                    await self._say("error", {"message": str(wrong)})
        try:
            async with asyncio.timeout(PATIENCE):
                await self._viewer.wait_until_joined()
        except TimeoutError:
            raise Ended(WELL, "it went before there was anything to see") from None

    async def _say(self, event: str, data: Mapping[str, Any]) -> None:
        await self._socket.send_text(message(event, data))

    async def _answer(self, text: str | bytes) -> None:
        match said(text):
            case "answer", data:
                await self._viewer.accept_answer(data)
            case "candidate", data:
                await self._viewer.add_candidate(data)
            case _:
                raise Invalid("there are answer and candidate; the rest is said on the data channel")

    # -- on the data channel -----------------------------------------------------

    async def _listen(self) -> None:
        while True:
            try:
                await self._obey(*said(await self._viewer.receive()))
            except NotFound as gone:
                raise Ended(OVER, str(gone)) from None
            except NotYourTurn:
                self._viewer.send(message("error", {"message": NOT_YOUR_TURN}))
            except (Refused, Unavailable) as no:
                self._viewer.send(message("error", {"message": str(no)}))

    async def _obey(self, event: str, data: dict[str, Any]) -> None:
        match event:
            case "turn/take":
                await self._member.ask_for_turn()
            case "turn/release":
                await self._member.give_up_turn()
            case "turn/look":
                self._viewer.send(message("turn", turn_json(self._member.turn)))
            case "quality":
                if data.get("name") not in tuple(Quality):
                    raise Invalid(f"quality has a name: {' or '.join(Quality)}")
                await self._viewer.choose_quality(Quality(data["name"]))
            case _:
                await self._member.act(act(event, data, OTHERS))

    # -- what happens elsewhere --------------------------------------------------

    async def _hold(self) -> None:
        """Let go of who may not be here any more, and of everybody when this server ends."""
        try:
            why = await let_go(self._deps, self._member.actor)
        except ShuttingDown:
            raise Ended(GONE_AWAY, "the server is shutting down") from None
        raise Ended(NOT_YOURS, why)


def turn_json(turn: TurnStatus) -> dict[str, Any]:
    return {"yours": turn.is_own, "until": turn.ends_at, "waiting": turn.waiting, "place": turn.place}


def first(group: BaseExceptionGroup[Any]) -> BaseException:
    one: BaseException = group.exceptions[0]
    return first(one) if isinstance(one, BaseExceptionGroup) else one
