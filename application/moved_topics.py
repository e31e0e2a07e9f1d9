"""Topics of aggregates that have moved since their first events were stored.

A stored event names its class by module and class. Without these entries a log of 0.1 could not be loaded.
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
    """Let the library load events under the old topics, nested event classes included. May be called again."""
    for topic, kind in MOVED_TOPICS.items():
        register_topic(topic, kind)
