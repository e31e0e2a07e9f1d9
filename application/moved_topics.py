"""Topics of aggregates that have moved since their first events were stored.

A stored event names its class by module and class. Aggregates that have moved keep the topics of 0.1: otherwise this
version could not load a log of 0.1, and processes of 0.1 on the same database would stop at the first new event.
"""

from __future__ import annotations

from eventsourcing.utils import register_topic

from domain.aggregate import Aggregate
from domain.unique_name import Alias, Code, VmId
from domain.vm.vm_config import VmConfig

MOVED_TOPICS: dict[str, type[Aggregate]] = {
    "domain.alias:Alias": Alias,
    "domain.code:Code": Code,
    "domain.vm_id:VmId": VmId,
    "domain.vm_config:VmConfig": VmConfig,
}


def register_moved_topics() -> None:
    """Let the library load and store aggregates and their events under the old topics. May be called again."""
    for topic, kind in MOVED_TOPICS.items():
        kind.TOPIC = topic  # type: ignore[attr-defined]  # the library reads it
        for event in vars(kind).values():
            if isinstance(event, type) and event.__qualname__.startswith(f"{kind.__qualname__}."):
                event.TOPIC = f"{topic}{event.__qualname__.removeprefix(kind.__qualname__)}"  # type: ignore[attr-defined]
        register_topic(topic, kind)
