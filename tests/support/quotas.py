"""Quotas for tests of commands that create things."""

from __future__ import annotations

from typing import cast

from application.platform import Platform
from application.ports.quotas import Holdings
from application.quotas import QuotaLimits
from tests.support.story import T0


def no_quotas(platform: Platform) -> QuotaLimits:
    """Quotas that limit nothing, and store nothing."""
    return QuotaLimits(platform, lambda: T0, cast(Holdings, None), enforced=False)
