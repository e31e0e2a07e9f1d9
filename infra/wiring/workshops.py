"""Workshops: their seats, learners and keys, and the secret that seals what is stored of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_urlsafe
from urllib.parse import urlsplit
from uuid import uuid4

from application.ports.limits import RateLimiter
from application.registrations import Registering
from application.seat_machines import SeatMachines
from application.seats import Seats
from application.workshops import Workshops
from infra.auth.codes import RandomLabels
from infra.auth.rate_limiter import PerHourRateLimiter
from infra.auth.seat_jwt import SeatJwts
from infra.runtime.home import CannotStart, make_home, os_errors_as_cannot_start
from infra.settings import Settings
from infra.tables.learners import LearnerRows
from infra.tables.registrations import RegistrationRows
from infra.tables.seal import Seal
from infra.tables.workshop_keys import WorkshopKeyRows
from infra.wiring.api_keys import ApiKeyServices
from infra.wiring.engines import EngineServices
from infra.wiring.foundation import Foundation, orphan_reports


@dataclass(frozen=True)
class WorkshopServices:
    workshops: Workshops
    seats: Seats
    seat_machines: SeatMachines
    seat_tokens: SeatJwts
    learners: LearnerRows
    registering: Registering
    rate_limiter: RateLimiter  # of requests to the portal, from one address


def build_workshops(base: Foundation, engines: EngineServices, keys: ApiKeyServices) -> WorkshopServices:
    """Raises `CannotStart` for settings that do not go together."""
    settings, platform, clock, pool = base.settings, base.platform, base.clock, base.pool
    check_settings(settings)
    secret = sealing_secret(settings)
    seal = Seal(secret)
    shared_secret = settings.role == "all" or bool(settings.sealing_secret)
    workshop_keys = WorkshopKeyRows(pool, seal, shared_secret=shared_secret)
    learners, registrations = LearnerRows(pool, seal, secret), RegistrationRows(pool, seal, secret)
    workshops = Workshops(
        platform=platform,
        clock=clock,
        engines=engines.by_region,
        labels=RandomLabels(),
        keys=workshop_keys,
        learners=learners,
        registrations=registrations,
        orphans=orphan_reports(base),
        template=settings.workshop_template,
        lasts=timedelta(seconds=settings.workshop_seconds),
        max_term=timedelta(seconds=settings.max_ttl_seconds),
        warning_lead=timedelta(seconds=settings.warn_seconds),
        provision_patience=timedelta(seconds=settings.provision_patience),
        quotas=base.quotas,
    )
    seat_tokens = SeatJwts(keys.tokens, urlsplit(settings.url).hostname or "localhost")
    seats = Seats(
        platform=platform,
        clock=clock,
        ids=uuid4,
        labels=RandomLabels(),
        learners=learners,
        tokens=seat_tokens,
        attempt_limiter=base.attempt_limiter,
    )
    return WorkshopServices(
        workshops=workshops,
        seats=seats,
        seat_machines=SeatMachines(platform, clock, workshop_keys),
        seat_tokens=seat_tokens,
        learners=learners,
        registering=Registering(platform, seats, registrations),
        rate_limiter=PerHourRateLimiter(settings.redis_url),
    )


def check_settings(settings: Settings) -> None:
    if settings.portal_auth == "open" and settings.exposed_by:
        raise CannotStart(
            f"TENURE_PORTAL_AUTH=open lets everybody who reaches the server start machines, and {settings.exposed_by}. "
            "Set TENURE_PORTAL_AUTH=required."
        )
    if settings.workshop_template not in (None, *settings.template_names):
        raise CannotStart(f"TENURE_WORKSHOP_TEMPLATE must be one of {', '.join(sorted(settings.template_names))}.")


def sealing_secret(settings: Settings) -> str:
    """Return the secret of the settings; without one, that of this home, which is made at the first start.

    Other homes on the same database cannot open what the secret of a home has sealed.
    """
    if settings.sealing_secret:
        return settings.sealing_secret.get_secret_value()
    make_home(settings.home)
    path = settings.home / "sealing-secret"
    with os_errors_as_cannot_start(path):
        try:
            with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
                file.write(token_urlsafe(32))
        except FileExistsError:
            pass
        return path.read_text()


def portal_is_open(settings: Settings) -> bool:
    """Whether a request about workshops without credentials counts as the instructor's."""
    return settings.is_local_and_private and settings.portal_auth != "required"
