"""The epoch of the log that has defined a domain, in the domain's metadata. Domains of version 0.1 have none."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import SubElement

NAMESPACE = "https://tenure.invalid/domain/1"  # a name only; nothing is there
TAG = f"{{{NAMESPACE}}}made"

ElementTree.register_namespace("tenure", NAMESPACE)


def with_epoch(xml: str, epoch: str) -> str:
    """The description of a domain, with the epoch in it."""
    domain = ElementTree.fromstring(xml)
    SubElement(SubElement(domain, "metadata"), TAG, epoch=epoch)
    return ElementTree.tostring(domain, encoding="unicode")


def epoch_of(xml: str) -> str | None:
    """The epoch in the description of a domain; None if there is none."""
    mark = ElementTree.fromstring(xml).find(f"metadata/{TAG}")
    return None if mark is None else mark.get("epoch")
