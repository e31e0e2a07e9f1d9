"""Messages of CHROTE's sockets: what is parsed to which type, and the text of each message to the client."""

from __future__ import annotations

import contextlib
import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.ports.people import Profile
from application.ports.terminals import Frame
from domain.errors import NotFound
from interfaces.chrote import messages as m
from tests.support.story import T0

USER = UUID("00000000-0000-4000-8000-000000000002")
USER_ID = f"user_{USER.hex}"
PROFILES = {USER: Profile(USER, "Otto", None, "https://img", T0)}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=6,
)
FIELDS = st.sampled_from(["sessionId", "pane", "keys", "mode", "userId"])


@pytest.mark.parametrize(
    ("fields", "request_"),
    [
        ({"type": "subscribe", "sessionId": "main"}, m.Subscribe("main", None, False)),
        ({"type": "subscribe", "sessionId": "main", "pane": 1, "mode": "screen"}, m.Subscribe("main", "1", True)),
        ({"type": "unsubscribe", "sessionId": "main"}, m.Unsubscribe("main")),
        ({"type": "sendKeys", "sessionId": "main", "keys": "a\n"}, m.SendKeysTo("main", b"a\r", None)),
        ({"type": "claim", "sessionId": "main"}, m.TakeClaim("main")),
        ({"type": "release", "sessionId": "main"}, m.ReleaseClaim("main")),
        ({"type": "requestClaim", "sessionId": "main"}, m.RequestClaim("main")),
        ({"type": "handover", "sessionId": "main", "userId": USER_ID}, m.HandOver("main", USER)),
        ({"type": "heartbeat", "more": 1}, m.Heartbeat()),
    ],
)
def test_requests_about_sessions_are_parsed(fields: dict[str, Any], request_: m.SessionsRequest) -> None:
    assert m.parse_sessions_request(json.dumps(fields)) == request_


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        ("[]", "INVALID_MESSAGE", "A message must be a JSON object with a type"),
        ('{"type": "exec"}', "UNKNOWN_TYPE", "There are messages of type subscribe, unsubscribe, sendKeys, claim, "),
        ('{"type": "sendKeys"}', "INVALID_MESSAGE", "keys must be text"),
        ('{"type": "sendKeys", "keys": "x", "pane": true}', "INVALID_MESSAGE", "pane must be the number of a pane"),
        ('{"type": "sendKeys", "keys": "x"}', "INVALID_MESSAGE", "sessionId must be text"),
        ('{"type": "subscribe", "mode": "x"}', "INVALID_MESSAGE", 'mode must be "screen", or left out'),
    ],
)
def test_the_first_fault_of_a_request_is_named(text: str, code: str, sentence: str) -> None:
    with pytest.raises(m.MessageError) as raised:
        m.parse_sessions_request(text)
    assert raised.value.error.code == code
    assert raised.value.error.message.startswith(sentence)


def test_a_terminal_takes_keys_and_heartbeats_alone() -> None:
    assert m.parse_terminal_request('{"type": "sendKeys", "keys": "x", "pane": "2"}') == m.SendKeys(b"x", "2")
    assert m.parse_terminal_request('{"type": "heartbeat"}') == m.Heartbeat()
    with pytest.raises(m.MessageError, match="sendKeys and heartbeat"):
        m.parse_terminal_request('{"type": "claim"}')


@given(
    type=st.sampled_from([*m.SESSIONS_REQUESTS, "other"]) | JSON,
    fields=st.dictionaries(FIELDS | st.text(), JSON),
)
def test_any_message_is_a_request_or_an_error(type: Any, fields: dict[str, Any]) -> None:
    text = json.dumps({**fields, "type": type})
    for parse in (m.parse_sessions_request, m.parse_terminal_request):
        with contextlib.suppress(m.MessageError, NotFound):
            parse(text)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (m.Connected(USER, "viewer"), f'{{"type":"connected","userId":"{USER_ID}","role":"viewer"}}'),
        (
            m.Connected(USER, "viewer", "main"),
            f'{{"type":"connected","sessionId":"main","userId":"{USER_ID}","role":"viewer"}}',
        ),
        (m.SessionList([]), '{"type":"sessions","sessions":[]}'),
        (
            m.Output("main", Frame("0", "x", T0, None)),
            '{"type":"output","sessionId":"main","pane":"0","data":"x","timestamp":"2030-01-01T12:00:00.000Z"}',
        ),
        (
            m.Output("main", Frame("0", "x", T0, (80, 24))),
            '{"type":"output","sessionId":"main","pane":"0","data":"x","timestamp":"2030-01-01T12:00:00.000Z",'
            '"width":80,"height":24}',
        ),
        (
            m.ClaimTaken("main", USER, T0, PROFILES),
            f'{{"type":"claimed","sessionId":"main","by":{{"id":"{USER_ID}","name":"Otto"}},'
            '"expiresAt":"2030-01-01T12:00:00Z"}',
        ),
        (m.ClaimReleased("main"), '{"type":"released","sessionId":"main"}'),
        (
            m.ClaimRequested("main", USER, {}),
            f'{{"type":"claimRequested","sessionId":"main","by":{{"id":"{USER_ID}","name":""}}}}',
        ),
        (
            m.PresenceMessage("main", [USER], PROFILES),
            f'{{"type":"presence","sessionId":"main","users":[{{"id":"{USER_ID}","name":"Otto",'
            '"avatarUrl":"https://img"}]}',
        ),
        (m.ErrorMessage("FORBIDDEN", "no"), '{"type":"error","code":"FORBIDDEN","message":"no"}'),
        (
            m.ErrorMessage("ALREADY_CLAIMED", "no", m.ClaimDetails(USER, T0)),
            f'{{"type":"error","code":"ALREADY_CLAIMED","message":"no","details":{{"claimedBy":"{USER_ID}",'
            '"expiresAt":"2030-01-01T12:00:00.000Z"}}',
        ),
    ],
)
def test_messages_are_encoded_to_the_byte(message: m.Message, text: str) -> None:
    assert m.encode(message) == text


def test_output_is_encoded_once_for_each_name_of_the_session() -> None:
    frame = Frame("0", "x", T0, None)
    assert m.encode_output("main", frame) is m.encode_output("main", frame)
    assert m.encode_output("renamed", frame) != m.encode_output("main", frame)
