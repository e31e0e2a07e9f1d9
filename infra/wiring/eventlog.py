"""Following the event log, doing the work that it asks for, and pushing its events to readers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from application.parked_work import ParkedWork
from infra.eventlog.follower import Follower
from infra.eventlog.push_local import LocalPush
from infra.eventlog.push_redis import RedisPush
from infra.eventlog.worker import WorkCommand, Worker
from infra.monitoring.health import STARTED_LATE_S
from infra.runtime.loop_thread import call_on_loop, run_in_own_loop
from infra.wiring.foundation import BackgroundTask, Foundation

PUSH_GRACE_S = 0.05  # that a push may take before the hub looks up the events itself
MAX_LOG_COMMANDS = 32  # of the lane "log" under way at once; group commit makes them cheap


def build_event_log(
    base: Foundation, commands: Mapping[str, WorkCommand], parked_work: ParkedWork
) -> Mapping[str, BackgroundTask]:
    """Return the background tasks. `commands` carry out the work that is due, by its kind."""
    settings = base.settings
    push = RedisPush(settings.redis_url, base.hub) if settings.redis_url else LocalPush(base.hub)
    is_pushed_to = bool(settings.redis_url) or base.works
    background: dict[str, BackgroundTask] = {
        "signals": base.signals.run,
        "push": push.run,
        "hub": partial(base.hub.keep_up, base.signals.followed, PUSH_GRACE_S if is_pushed_to else 0.0),
    }
    if base.works:
        worker = Worker(
            pool=base.pool,
            commands=commands,
            lanes={"engine": settings.provision_concurrency, "log": MAX_LOG_COMMANDS},
            signals=base.signals,
            clock=base.clock,
            park=parked_work.park,
            on_start=lambda command, delay_s: STARTED_LATE_S.labels(command).observe(delay_s),
        )
        follower = Follower(base.database_url, base.platform, base.signals, call_on_loop(push.publish))
        background |= {"follower": partial(run_in_own_loop, follower.run), "worker": worker.run}
    return background
