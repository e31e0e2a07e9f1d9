"""Settings of shared terminals."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings

from infra.settings.values import Location, Seconds


class TerminalSettings(BaseSettings):
    """Shared terminals.

    Part of `infra.settings.Settings`.
    """

    tmux_socket: Location | None = Field(
        None, description="the tmux server whose sessions are shared; none: this user's own"
    )
    workspace_terminals: bool = Field(True, description="whether workspaces have shared terminals")
    claim_seconds: Seconds = Field(
        1800, description="seconds that a claim on a terminal lasts while its holder does nothing"
    )
    heartbeat_seconds: Seconds = Field(
        30, description="seconds without a message after which a terminal's socket is closed"
    )

    @property
    def tmux_socket_path(self) -> Path:
        """The socket of the tmux server whose sessions are shared."""
        folder = os.environ.get("TMUX_TMPDIR") or "/tmp"
        return self.tmux_socket or Path(folder) / f"tmux-{os.getuid()}" / "default"
