"""Names that one thing has at a time: aliases of hosted sessions, codes of workshops, ids of virtual machines.

The aggregate's id follows from the name, and it is stored in the same commit as the thing that takes the name. Of two
that take one name at once, one commit fails.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar
from uuid import UUID, uuid5

from eventsourcing.domain import event

from domain import aggregate
from domain.errors import Conflict

# Whatever looks like a space or a hyphen, and what cannot be seen: people paste it along with a name.
SEPARATORS = frozenset({"Pd", "Zs", "Zl", "Zp", "Cc", "Cf"})  # Unicode categories; Pd: dashes, Cf: zero width
MINUS_SIGNS = "\u2212\u02d7\u2043\u30fc"  # look like hyphens, and are of other categories
CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without 0 and O, 1 and I, which sound or look alike


def words_of(text: str) -> list[str]:
    """The letters and digits of a pasted text, between what looks like a hyphen or a space. Wide forms are narrowed."""
    narrow = unicodedata.normalize("NFKC", text)
    return "".join(" " if is_separator(character) else character for character in narrow).split()


def is_separator(character: str) -> bool:
    return character in MINUS_SIGNS or unicodedata.category(character) in SEPARATORS


class UniqueName(aggregate.Aggregate):
    """What every kind of name shares. A kind says how a name is written, and stores its subject under its own field.

    The field names and the kinds' own event classes are those that logs hold since 0.1.
    """

    NAMESPACE: ClassVar[UUID]  # of this kind's aggregate ids
    REFUSAL: ClassVar[str] = ""  # the sentence of `take` for a name that another has; empty: `take` returns False

    class Event(aggregate.Aggregate.Event):
        pass

    class Freed(Event):
        """The name is free again."""

        def apply(self, aggregate: UniqueName) -> None:  # not `@event`: each kind stores a subclass of its own
            aggregate.subject_id = None

    def __init__(self) -> None:
        self.subject_id: UUID | None = None  # what has the name; None: it is free

    @staticmethod
    def canonical(name: str) -> str:
        """One spelling for all ways to write the same name."""
        return name

    @classmethod
    def id_of(cls, name: str) -> UUID:
        return uuid5(cls.NAMESPACE, cls.canonical(name))

    def take(self, subject_id: UUID, now: datetime) -> bool:
        """Give the name to a subject if it is free. Returns whether the subject has it. Raises `Conflict`."""
        if self.subject_id is None:
            self._taken_again(now, subject_id)
        elif self.subject_id != subject_id and self.REFUSAL:
            raise Conflict(self.REFUSAL)
        return self.subject_id == subject_id

    def free(self, subject_id: UUID, now: datetime) -> None:
        """Free the name if this subject has it. A later subject keeps it."""
        if self.subject_id == subject_id:
            self.trigger_event(self.Freed, at=now)

    def _taken_again(self, at: datetime, subject_id: UUID) -> None:
        raise NotImplementedError


class Alias(UniqueName):
    """The alias by which people find a hosted session. Case does not count, and a hyphen may be anything like it."""

    STATE_NAMES = MappingProxyType({"subject_id": "session_id"})
    NAMESPACE = UUID("3c0f7f0e-0b62-5d0c-9a7e-6f6f1f1b8c55")
    REFUSAL = "another session goes by this alias"

    class Taken(aggregate.Aggregate.Created):
        """A session has this alias, for the first time."""

        session_id: UUID

    class TakenAgain(UniqueName.Event):
        """Another session has this alias."""

        session_id: UUID

    @staticmethod
    def canonical(name: str) -> str:
        return "-".join(words_of(name)).lower()

    @event(Taken)
    def __init__(self, id: UUID, at: datetime, session_id: UUID) -> None:
        self._id, self.subject_id = id, session_id

    @event(TakenAgain)
    def _taken_again(self, at: datetime, session_id: UUID) -> None:
        self.subject_id = session_id


class Code(UniqueName):
    """The code by which learners find a workshop. Case, and whatever looks like a hyphen or a space, do not count."""

    STATE_NAMES = MappingProxyType({"subject_id": "workshop_id"})
    NAMESPACE = UUID("d1b0a6f4-53a1-5a0e-8a44-0a1c7f7f3e21")

    class Taken(aggregate.Aggregate.Created):
        """A workshop has this code, for the first time."""

        workshop_id: UUID

    class TakenAgain(UniqueName.Event):
        """Another workshop has this code."""

        workshop_id: UUID

    @staticmethod
    def canonical(name: str) -> str:
        return "".join(words_of(name)).upper()

    @event(Taken)
    def __init__(self, id: UUID, at: datetime, workshop_id: UUID) -> None:
        self._id, self.subject_id = id, workshop_id

    @event(TakenAgain)
    def _taken_again(self, at: datetime, workshop_id: UUID) -> None:
        self.subject_id = workshop_id


class VmId(UniqueName):
    """The id of a virtual machine in addresses, as it is written."""

    STATE_NAMES = MappingProxyType({"subject_id": "vm_id"})
    NAMESPACE = UUID("0b6cf0c2-2d55-5f5b-9d0a-8f6f1a0f7c3e")
    REFUSAL = "there is a virtual machine with this id already"

    class Taken(aggregate.Aggregate.Created):
        """A virtual machine has this id, for the first time."""

        vm_id: UUID

    class TakenAgain(UniqueName.Event):
        """Another virtual machine has this id."""

        vm_id: UUID

    @event(Taken)
    def __init__(self, id: UUID, at: datetime, vm_id: UUID) -> None:
        self._id, self.subject_id = id, vm_id

    @event(TakenAgain)
    def _taken_again(self, at: datetime, vm_id: UUID) -> None:
        self.subject_id = vm_id
