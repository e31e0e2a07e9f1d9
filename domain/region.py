"""Where machines run."""

from __future__ import annotations

LOCAL = "local"  # there without any configuration: the engine that this place has anyway
