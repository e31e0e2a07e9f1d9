"""Process managers: pure functions from an event to the work that follows from it."""

from application.processes import orphan_removal, workspace_life

PROCESSES = (workspace_life.react, orphan_removal.react)
