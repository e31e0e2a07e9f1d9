"""Facts about machines, in the form that events carry."""

from __future__ import annotations

from application.ports.machines import Machine
from domain.machine import MachineFacts


def facts(machine: Machine) -> MachineFacts:
    """A machine as events carry it."""
    facts: MachineFacts = {
        "provider_id": machine.provider_id,
        "engine_id": machine.engine_id,
        "connection": machine.connection,
    }
    if machine.started_at:
        facts["started_at"] = machine.started_at
    return facts


def error_line(error: Exception) -> str:
    """An engine's error as one line that can be stored and shown: printable, at most 500 characters."""
    return "".join(c if c.isprintable() else " " for c in str(error))[:500]
