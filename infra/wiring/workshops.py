"""Putting workshops together from the settings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from psycopg_pool import AsyncConnectionPool

from application.instructors import Instructors
from application.logins import Logins
from application.platform import Platform
from application.ports.clock import Clock
from application.ports.limits import AttemptLimiter
from application.ports.regions import Engines
from application.seat_machines import SeatMachines
from application.seats import Seats
from application.workshops import Workshops
from infra.auth.codes import RandomLabels
from infra.auth.jwt import Tokens
from infra.auth.seat_jwt import SeatJwts
from infra.runtime.home import CannotStart, explained, make
from infra.settings import Settings
from infra.tables.learners import LearnerRows
from infra.tables.logins import InstructorTokens
from infra.tables.passwords import PasswordRows
from infra.tables.registrations import RegistrationRows
from infra.tables.seal import Seal
from infra.tables.workshop_keys import WorkshopKeyRows


@dataclass(frozen=True)
class Rows:
    """What is kept of workshops beside the log; all of it sealed."""

    keys: WorkshopKeyRows
    learners: LearnerRows
    registrations: RegistrationRows


def rows(settings: Settings, pool: AsyncConnectionPool[Any]) -> Rows:
    """Raises `CannotStart` for settings that do not go together."""
    if settings.portal_auth == "open" and not settings.is_loopback:
        raise CannotStart(
            f"TENURE_PORTAL_AUTH=open lets everybody who reaches {settings.bind} start machines. "
            "Set it to required, or listen on a loopback address."
        )
    if settings.workshop_template not in (None, *settings.catalogue):
        raise CannotStart(f"TENURE_WORKSHOP_TEMPLATE must be one of {', '.join(sorted(settings.catalogue))}.")
    secret = sealing_secret(settings)
    seal = Seal(secret)
    keys = WorkshopKeyRows(pool, seal, opened_by_all=settings.role == "all" or bool(settings.sealing_secret))
    return Rows(keys, LearnerRows(pool, seal, secret), RegistrationRows(pool, seal, secret))


def sealing_secret(settings: Settings) -> str:
    """That of the settings; else one of this home's own, which others on the same database do not have."""
    if settings.sealing_secret:
        return settings.sealing_secret.get_secret_value()
    make(settings.home)
    path = settings.home / "sealing-secret"
    with explained(path):
        try:
            with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
                file.write(token_urlsafe(32))
        except FileExistsError:
            pass
        return path.read_text()


def workshops(settings: Settings, platform: Platform, clock: Clock, engines: Engines, kept: Rows) -> Workshops:
    return Workshops(
        platform=platform,
        clock=clock,
        engines=engines,
        labels=RandomLabels(),
        keys=kept.keys,
        learners=kept.learners,
        registrations=kept.registrations,
        template=settings.workshop_template,
        lasts=timedelta(seconds=settings.workshop_seconds),
        max_term=timedelta(seconds=settings.max_ttl_seconds),
    )


def seats(
    settings: Settings, platform: Platform, clock: Clock, kept: Rows, tokens: Tokens, attempt_limiter: AttemptLimiter
) -> Seats:
    return Seats(
        platform=platform,
        clock=clock,
        ids=uuid4,
        labels=RandomLabels(),
        learners=kept.learners,
        tokens=SeatJwts(tokens, urlsplit(settings.url).hostname or "localhost"),
        attempt_limiter=attempt_limiter,
    )


def instructors(
    pool: AsyncConnectionPool[Any], platform: Platform, clock: Clock, logins: Logins, attempt_limiter: AttemptLimiter
) -> Instructors:
    return Instructors(platform, clock, logins, PasswordRows(pool), InstructorTokens(pool), attempt_limiter)


def seat_machines(platform: Platform, clock: Clock, kept: Rows) -> SeatMachines:
    return SeatMachines(platform, clock, kept.keys)


def portal_is_open(settings: Settings) -> bool:
    """Whoever asks about workshops and does not say who they are is the instructor of this machine."""
    return settings.is_loopback if settings.portal_auth is None else settings.portal_auth == "open"
