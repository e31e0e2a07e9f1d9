"""Signals that somebody's access may have changed, for what they have open.

A lease (`interfaces/http/leases.py`) subscribes to the ids that its access depends on: the user, the login, the key,
the VM account, the workshop of a seat. Facts come from three places: the commits of this process, at once; the hub, for
those of other processes; and the database's notifications, for logins, which are rows and no events.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any
from uuid import UUID

from domain.api_key import ApiKey
from domain.user import User
from domain.vm_account import VmAccount
from domain.workshop import Workshop


class Change(Enum):
    MAYBE = "authenticate again: access may have changed"
    ENDED = "access has ended"
    SHUTTING_DOWN = "this process ends"


OnChange = Callable[[Change], None]
ENDS = ("user.removed", "api_key.revoked")  # whose subject opens nothing any more
NOUNS = ("user", "api_key", "vm_account", "workshop")
CLASS_NAMES = frozenset(kind.__name__ for kind in (User, ApiKey, VmAccount, Workshop))
MAX_RECENT_CHANGES = 1000  # that a lease can still notice which was authenticated before them


class AccessChanges:
    """All subscriptions of this process, by the ids that they depend on. For one event loop."""

    def __init__(self) -> None:
        self._subscribers: dict[UUID, set[OnChange]] = {}
        self._recent: OrderedDict[UUID, Change] = OrderedDict()

    @property
    def has_subscribers(self) -> bool:
        return bool(self._subscribers)

    @property
    def subscribers(self) -> int:
        """The number of those who have subscribed."""
        return len({one for subscribers in self._subscribers.values() for one in subscribers})

    @contextmanager
    def subscribe(self, ids: Collection[UUID], on_change: OnChange) -> Iterator[None]:
        """Call `on_change` whenever the access of one of these ids changes, until the block ends.

        A recent change is reported at once: it may have come between authentication and this call.
        """
        for id in ids:
            self._subscribers.setdefault(id, set()).add(on_change)
        try:
            for id in ids:
                if id in self._recent:
                    on_change(self._recent[id])
            yield
        finally:
            for id in ids:
                subscribers = self._subscribers[id]
                subscribers.discard(on_change)
                if not subscribers:
                    del self._subscribers[id]

    def signal(self, id: UUID, change: Change = Change.MAYBE) -> None:
        """Report a change of the access of this id."""
        self._recent[id] = change
        self._recent.move_to_end(id)
        if len(self._recent) > MAX_RECENT_CHANGES:
            self._recent.popitem(last=False)
        for on_change in list(self._subscribers.get(id, ())):
            on_change(change)

    def signal_all(self, change: Change = Change.MAYBE) -> None:
        """Report a change to every subscriber, such as after signals may have been missed."""
        for on_change in {one for subscribers in self._subscribers.values() for one in subscribers}:
            on_change(change)

    def apply(self, kind: str, subject: UUID) -> None:
        """Report what an event of the trail changes."""
        if kind.partition(".")[0] in NOUNS:
            self.signal(subject, Change.ENDED if kind in ENDS else Change.MAYBE)

    def apply_committed(self, events: Collection[Any]) -> None:
        """Report what events change that this process has just stored."""
        for event in events:
            if type(event).__qualname__.partition(".")[0] in CLASS_NAMES:
                ends = isinstance(event, User.Removed | ApiKey.Revoked)
                self.signal(event.originator_id, Change.ENDED if ends else Change.MAYBE)
