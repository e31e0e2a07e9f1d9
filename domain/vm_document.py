"""The configuration of a virtual machine: a ConfigVMEntry of the Neptuned contract, as JSON values."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]
