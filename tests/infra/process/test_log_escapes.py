"""Log lines: without colours and other escape sequences where programs read them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from infra.process import logging as logs

COLORED = "\x1b[31mred\x1b[0m and \x1b]8;;http://a\x07a link\x1b]8;;\x07"


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    """Leave the root logger as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.fault("F83")
@pytest.mark.parametrize("log_format", ["json", "auto", "console"])
def test_a_log_has_no_escape_sequences(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    logs.configure("info", log_format)
    log = logging.getLogger("tenure.test")
    log.warning("engine says %s", COLORED, extra={"because": COLORED, "color_message": COLORED})
    try:
        raise ValueError(COLORED)
    except ValueError:
        log.exception("it failed")
    text = capsys.readouterr().err
    assert "red and a link" in text and "it failed" in text
    assert "\x1b" not in text and "u001b" not in text
    if log_format != "console":
        assert [json.loads(line)["level"] for line in text.splitlines()] == ["warning", "error"]
