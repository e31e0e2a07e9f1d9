"""Entries that go by a name and can be added, changed and removed while Tenure runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate
from domain.errors import NotFound
from domain.name import validate_word

Entry = TypeVar("Entry")


class Catalogue(aggregate.Aggregate, Generic[Entry]):
    """All entries of one kind. A kind stores an entry under its own field, with events of its own.

    One stream holds all of them, since adding an entry or choosing one depends on which others there are.
    """

    # Each kind has its own. Annotated, they would make it a dataclass, with an `__init__` without the event.
    NAMESPACE, PLURAL, SINGULAR = UUID(int=0), "", ""

    class Event(aggregate.Aggregate.Event):
        pass

    class Opened(aggregate.Aggregate.Created):
        """The first entry is about to be added."""

    class Removed(Event):
        """An entry was removed. What was made from it stays."""

        name: str

        def apply(self, aggregate: Catalogue[Any]) -> None:  # not `@event`: each kind stores a subclass of its own
            aggregate._remove(self.name)

    @classmethod
    def id_of(cls) -> UUID:
        return uuid5(cls.NAMESPACE, cls.PLURAL)

    @event(Opened)
    def __init__(self, id: UUID, at: datetime) -> None:
        self._id = id
        self._begin()

    def _begin(self) -> None:
        self.entries: dict[str, Entry] = {}  # by name

    def set(self, name: str, entry: Entry, now: datetime) -> None:
        """Add an entry, or change the one of this name. Raises `Invalid`."""
        validate_word(name, f"the name of a {self.SINGULAR}")
        self.validate(entry)
        if name not in self.entries:
            self._added(now, name, entry)
        elif self.entries[name] != entry:
            self._changed(now, name, entry)

    def remove(self, name: str, now: datetime) -> None:
        """Remove an entry: nothing new is made from it. Raises `NotFound`."""
        if name not in self.entries:
            raise NotFound(f"no such {self.SINGULAR}")
        self.trigger_event(self.Removed, at=now, name=name)

    @staticmethod
    def validate(entry: Any) -> None:
        """Raise `Invalid` for an entry that cannot be used."""
        raise NotImplementedError

    def _added(self, at: datetime, name: str, entry: Entry) -> None:
        raise NotImplementedError

    def _changed(self, at: datetime, name: str, entry: Entry) -> None:
        raise NotImplementedError

    def _remove(self, name: str) -> None:
        del self.entries[name]
