"""The messages of /ws (C37 to C48) and /ws/terminal (C52 to C58): each a type, parsed or encoded here and nowhere else.

from the client                                         to the client
subscribe {sessionId, pane?, mode?}                     connected {userId, role, sessionId? on /ws/terminal}
unsubscribe {sessionId}                                 sessions {sessions}
sendKeys {sessionId? on /ws, keys, pane?}               output {sessionId, pane, data, timestamp, width?, height?}
claim, release, requestClaim {sessionId}                claimed {sessionId, by, expiresAt}, released {sessionId}
handover {sessionId, userId}                            claimRequested {sessionId, by}, presence {sessionId, users}
heartbeat {}                                            error {code, message, details?}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import orjson

from application.ports.terminals import MAX_KEYS_BYTES, TOO_MANY_KEYS, Frame
from domain.claim import Claimed
from interfaces.chrote.session_views import ProfilesById, SessionJson, millis, name_of
from interfaces.chrote.views import parse_id, user_id
from interfaces.http.json_messages import JsonObject, parse_tagged

INVALID_MESSAGE = "INVALID_MESSAGE"


class MessageError(Exception):
    """The client gets an error for the message that it sent. The socket stays open."""

    def __init__(self, code: str, message: str, details: ClaimDetails | None = None) -> None:
        super().__init__(message)
        self.error = ErrorMessage(code, message, details)


# -- from the client -----------------------------------------------------------------


@dataclass(frozen=True)
class Subscribe:
    session_name: str
    pane: str | None
    whole_screens: bool  # instead of what a terminal writes

    @classmethod
    def parse(cls, fields: JsonObject) -> Subscribe:
        pane, whole_screens = parse_pane(fields), parse_mode(fields.get("mode"))
        return cls(parse_text(fields, "sessionId"), pane, whole_screens)


@dataclass(frozen=True)
class Unsubscribe:
    session_name: str

    @classmethod
    def parse(cls, fields: JsonObject) -> Unsubscribe:
        return cls(parse_text(fields, "sessionId"))


@dataclass(frozen=True)
class SendKeys:
    """Keys for the session of a /ws/terminal."""

    keys: bytes
    pane: str | None

    @classmethod
    def parse(cls, fields: JsonObject) -> SendKeys:
        return cls(parse_keys(fields), parse_pane(fields))


@dataclass(frozen=True)
class SendKeysTo:
    """Keys for one of the sessions of a /ws."""

    session_name: str
    keys: bytes
    pane: str | None

    @classmethod
    def parse(cls, fields: JsonObject) -> SendKeysTo:
        keys, pane = parse_keys(fields), parse_pane(fields)
        return cls(parse_text(fields, "sessionId"), keys, pane)


@dataclass(frozen=True)
class TakeClaim:
    session_name: str

    @classmethod
    def parse(cls, fields: JsonObject) -> TakeClaim:
        return cls(parse_text(fields, "sessionId"))


@dataclass(frozen=True)
class ReleaseClaim:
    session_name: str

    @classmethod
    def parse(cls, fields: JsonObject) -> ReleaseClaim:
        return cls(parse_text(fields, "sessionId"))


@dataclass(frozen=True)
class RequestClaim:
    """Ask the holder of the claim to hand it over."""

    session_name: str

    @classmethod
    def parse(cls, fields: JsonObject) -> RequestClaim:
        return cls(parse_text(fields, "sessionId"))


@dataclass(frozen=True)
class HandOver:
    session_name: str
    to: UUID

    @classmethod
    def parse(cls, fields: JsonObject) -> HandOver:
        """Raises `NotFound` for what is no user's id."""
        to = parse_id(parse_text(fields, "userId"), "user_", "user")
        return cls(parse_text(fields, "sessionId"), to)


@dataclass(frozen=True)
class Heartbeat:
    """The client is alive. Nothing answers it."""

    @classmethod
    def parse(cls, fields: JsonObject) -> Heartbeat:
        return cls()


TerminalRequest = SendKeys | Heartbeat
SessionsRequest = Subscribe | Unsubscribe | SendKeysTo | TakeClaim | ReleaseClaim | RequestClaim | HandOver | Heartbeat
SESSIONS_REQUESTS: dict[str, Callable[[JsonObject], SessionsRequest]] = {
    "subscribe": Subscribe.parse,
    "unsubscribe": Unsubscribe.parse,
    "sendKeys": SendKeysTo.parse,
    "claim": TakeClaim.parse,
    "release": ReleaseClaim.parse,
    "requestClaim": RequestClaim.parse,
    "handover": HandOver.parse,
    "heartbeat": Heartbeat.parse,
}


def parse_sessions_request(text: str | bytes) -> SessionsRequest:
    """A message on /ws. Raises `MessageError`, and `NotFound` for an id of no user."""
    type, fields = parse_object(text)
    if (parse := SESSIONS_REQUESTS.get(type)) is None:
        raise MessageError("UNKNOWN_TYPE", f"There are messages of type {', '.join(SESSIONS_REQUESTS)}")
    return parse(fields)


def parse_terminal_request(text: str | bytes) -> TerminalRequest:
    """A message on /ws/terminal. Raises `MessageError`."""
    match parse_object(text):
        case "sendKeys", fields:
            return SendKeys.parse(fields)
        case "heartbeat", fields:
            return Heartbeat.parse(fields)
    raise MessageError("UNKNOWN_TYPE", "There are messages of type sendKeys and heartbeat")


def parse_object(text: str | bytes) -> tuple[str, JsonObject]:
    """The type of a message, and all its fields. Raises `MessageError`."""
    message = parse_tagged(text, "type")
    if message is None:
        raise MessageError(INVALID_MESSAGE, "A message must be a JSON object with a type")
    return message


def parse_text(fields: JsonObject, name: str) -> str:
    """A required field of text. Raises `MessageError`."""
    value = fields.get(name)
    if not isinstance(value, str):
        raise MessageError(INVALID_MESSAGE, f"{name} must be text")
    return value


def parse_pane(fields: JsonObject) -> str | None:
    """The pane's number, as text or as a number; None: the client names none. Raises `MessageError`."""
    pane = fields.get("pane")
    if pane is None or isinstance(pane, str):
        return pane
    if isinstance(pane, int) and not isinstance(pane, bool):
        return str(pane)
    raise MessageError(INVALID_MESSAGE, "pane must be the number of a pane")


def parse_keys(fields: JsonObject) -> bytes:
    """The bytes for the terminal. Enter becomes a carriage return, however the client writes it.

    Raises `MessageError`.
    """
    keys = parse_text(fields, "keys").replace("\n", "\r").encode()
    if len(keys) > MAX_KEYS_BYTES:
        raise MessageError(INVALID_MESSAGE, TOO_MANY_KEYS)
    return keys


def parse_mode(mode: object) -> bool:
    """Whether the client wants whole screens instead of what a terminal writes. Raises `MessageError`."""
    if mode not in (None, "", "terminal", "screen"):
        raise MessageError(INVALID_MESSAGE, 'mode must be "screen", or left out')
    return mode == "screen"


# -- to the client -------------------------------------------------------------------


class Message(Protocol):
    """A message to the client."""

    def to_json(self) -> JsonObject: ...


@dataclass(frozen=True)
class Connected:
    user_id: UUID
    role: str
    session_name: str | None = None  # of /ws/terminal; None on /ws

    def to_json(self) -> JsonObject:
        session = {} if self.session_name is None else {"sessionId": self.session_name}
        return {"type": "connected", **session, "userId": user_id(self.user_id), "role": self.role}


@dataclass(frozen=True)
class SessionList:
    sessions: Sequence[SessionJson]

    def to_json(self) -> JsonObject:
        return {"type": "sessions", "sessions": self.sessions}


@dataclass(frozen=True)
class Output:
    """What a client writes to its terminal (C43, C54); `frame.size` where that begins with a whole screen."""

    session_name: str
    frame: Frame

    def to_json(self) -> JsonObject:
        frame = self.frame
        size = {"width": frame.size[0], "height": frame.size[1]} if frame.size else {}
        return {
            "type": "output",
            "sessionId": self.session_name,
            "pane": frame.pane,
            "data": frame.data,
            "timestamp": millis(frame.at),
            **size,
        }


@dataclass(frozen=True)
class ClaimTaken:
    """Somebody holds the claim from now on."""

    session_name: str
    holder_id: UUID
    expires_at: datetime | str | None
    profiles: ProfilesById

    def to_json(self) -> JsonObject:
        by = user_json(self.holder_id, self.profiles)
        return {"type": "claimed", "sessionId": self.session_name, "by": by, "expiresAt": self.expires_at}


@dataclass(frozen=True)
class ClaimReleased:
    session_name: str

    def to_json(self) -> JsonObject:
        return {"type": "released", "sessionId": self.session_name}


@dataclass(frozen=True)
class ClaimRequested:
    """For the holder: somebody asks for the claim."""

    session_name: str
    user_id: UUID
    profiles: ProfilesById

    def to_json(self) -> JsonObject:
        by = user_json(self.user_id, self.profiles)
        return {"type": "claimRequested", "sessionId": self.session_name, "by": by}


@dataclass(frozen=True)
class PresenceMessage:
    """The users who watch a session now."""

    session_name: str
    users: Iterable[UUID]
    profiles: ProfilesById

    def to_json(self) -> JsonObject:
        users = [
            {
                **user_json(id, self.profiles),
                "avatarUrl": self.profiles[id].avatar_url if id in self.profiles else None,
            }
            for id in self.users
        ]
        return {"type": "presence", "sessionId": self.session_name, "users": users}


@dataclass(frozen=True)
class ClaimDetails:
    """The claim that stands in the way."""

    holder_id: UUID
    expires_at: datetime

    @classmethod
    def of(cls, error: Claimed) -> ClaimDetails:
        return cls(error.holder_id, error.expires_at)

    def to_json(self) -> JsonObject:
        return {"claimedBy": user_id(self.holder_id), "expiresAt": millis(self.expires_at)}


@dataclass(frozen=True)
class ErrorMessage:
    code: str
    message: str
    details: ClaimDetails | None = None

    def to_json(self) -> JsonObject:
        details = {"details": self.details.to_json()} if self.details else {}
        return {"type": "error", "code": self.code, "message": self.message, **details}


def user_json(id: UUID, profiles: ProfilesById) -> dict[str, str]:
    return {"id": user_id(id), "name": name_of(id, profiles)}


def encode(message: Message) -> str:
    """The message as it goes over the wire."""
    return orjson.dumps(message.to_json(), option=orjson.OPT_UTC_Z).decode()


def encode_output(session_name: str, frame: Frame) -> str:
    """An output message, encoded once for all viewers who see the session by the same name."""
    if session_name not in frame.encodings:
        frame.encodings[session_name] = encode(Output(session_name, frame))
    return frame.encodings[session_name]
