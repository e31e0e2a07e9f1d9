"""Messages of Neptuned's consoles: what is parsed to which type, and the text of each message to the browser."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.console_rooms import TurnStatus
from application.ports.consoles import Quality
from application.ports.displays import Act
from domain.errors import Invalid
from interfaces.http.display_messages import ACT_KINDS, Answer, BrowserCandidate, ErrorMessage, Offer, ServerCandidate
from interfaces.neptuned import messages as m
from tests.support.story import T0

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=6,
)
EVENTS = ("turn/take", "turn/release", "turn/look", "quality", "answer", "candidate")


@pytest.mark.parametrize(
    ("event", "data", "request_"),
    [
        ("turn/take", {}, m.TakeTurn()),
        ("turn/release", {}, m.ReleaseTurn()),
        ("turn/look", {}, m.LookAtTurn()),
        ("quality", {"name": "small"}, m.ChooseQuality(Quality.SMALL)),
        ("control/move", {"x": 1.5, "y": 2}, Act("move", 1, 2)),
        ("control/keydown", {"keysym": 65, "code": 7}, Act("keydown", code=65)),
        ("control/scroll", {"delta_x": -1, "delta_y": 3}, Act("scroll", delta_x=-1, delta_y=3)),
    ],
)
def test_requests_on_the_channel_are_parsed(event: str, data: dict[str, Any], request_: m.ChannelRequest) -> None:
    assert m.parse_channel_request(json.dumps({"event": event, "data": data})) == request_


def test_the_socket_takes_an_answer_and_candidates_alone() -> None:
    assert m.parse_socket_request('{"event":"answer","data":{"sdp":"x"}}') == Answer({"sdp": "x"})
    assert m.parse_socket_request('{"event":"candidate","data":[]}') == BrowserCandidate({})
    with pytest.raises(Invalid, match="the rest is said on the data channel"):
        m.parse_socket_request('{"event":"turn/take"}')


@given(
    event=st.sampled_from([*EVENTS, *(f"control/{kind}" for kind in ACT_KINDS)]) | JSON,
    data=st.dictionaries(st.sampled_from(["x", "y", "code", "keysym", "delta_x", "delta_y", "name"]), JSON) | JSON,
)
def test_any_message_is_a_request_or_invalid(event: Any, data: Any) -> None:
    text = json.dumps({"event": event, "data": data})
    for parse in (m.parse_socket_request, m.parse_channel_request):
        with contextlib.suppress(Invalid):
            parse(text)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (Offer({"type": "offer", "sdp": "x"}), '{"event":"offer","data":{"type":"offer","sdp":"x"}}'),
        (
            ServerCandidate({"candidate": "c", "sdpMid": "0", "sdpMLineIndex": 0}),
            '{"event":"candidate","data":{"candidate":"c","sdpMid":"0","sdpMLineIndex":0}}',
        ),
        (ErrorMessage("no"), '{"event":"error","data":{"message":"no"}}'),
        (
            m.TurnMessage(TurnStatus(True, T0, 2, None)),
            '{"event":"turn","data":{"yours":true,"until":"2030-01-01T12:00:00Z","waiting":2,"place":null}}',
        ),
    ],
)
def test_messages_are_encoded_to_the_byte(message: m.SocketMessage | m.ChannelMessage, text: str) -> None:
    assert message.encode() == text
