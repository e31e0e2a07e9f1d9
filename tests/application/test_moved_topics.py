"""Topics of aggregates that have moved: the log names their events as 0.1 does."""

from __future__ import annotations

import json
from pathlib import Path

from eventsourcing.utils import get_topic, resolve_topic

from application.moved_topics import MOVED_TOPICS, register_moved_topics

GOLDEN = Path(__file__).parents[1] / "domain" / "golden.jsonl"


def test_every_event_is_stored_under_the_topic_that_it_had_in_0_1() -> None:
    register_moved_topics()
    topics = {json.loads(line)["topic"] for line in GOLDEN.read_text().splitlines()}
    assert {topic: get_topic(resolve_topic(topic)) for topic in topics} == {topic: topic for topic in topics}
    assert [get_topic(kind) for kind in MOVED_TOPICS.values()] == list(MOVED_TOPICS)
