"""What machines are made from, by name."""

from __future__ import annotations

DEFAULT = "default"  # there without any configuration: what the default template says
