"""Options on QEMU's own command line, for hardware that the device model lacks. Only administrators set them."""

from __future__ import annotations

import re
import shlex

from domain.errors import Invalid

MAX_CHARS = 4000
# Tenure must be able to see whether a machine runs, to stop it, and to decide who sees it. These would prevent that.
PROCESS_OPTIONS = "daemonize S pidfile runas chroot sandbox incoming loadvm no-shutdown run-with"
CHANNEL_OPTIONS = "monitor mon qmp qmp-pretty chardev serial parallel debugcon gdb s add-fd"
DISPLAY_OPTIONS = "vnc spice display nographic sdl gtk curses full-screen"
IDENTITY_OPTIONS = "name uuid machine M accel enable-kvm nodefaults no-user-config readconfig writeconfig plugin"
DEVICE_OPTIONS = "cpu smp netdev nic net"
OUTPUT_OPTIONS = "h help version D trace dump-vmstate"
REASONS = {
    "would take the machine away from who runs it": PROCESS_OPTIONS,
    "would let others talk to it past Tenure": CHANNEL_OPTIONS,
    "would show it past Tenure": DISPLAY_OPTIONS,
    "is for who runs it to say": IDENTITY_OPTIONS,
    "is what the devices cpu, network and nic are for": DEVICE_OPTIONS,
    "would end it at once, or write over files of this host": OUTPUT_OPTIONS,
}
REFUSAL_REASONS = {option: reason for reason, options in REASONS.items() for option in options.split()}
SIZE = re.compile(r"(?:size=)?([1-9][0-9]{0,6})([MG]?)")
MAX_MEMORY_MB = 16 * 1024 * 1024


def parse_command_line(text: str) -> list[str]:
    """Return the words of the text, split as a shell would, with nothing expanded.

    QEMU takes an option with one hyphen or two, and no abbreviation. Raises `Invalid` with a predicate: "must be …".
    """
    if len(text) > MAX_CHARS or not text.isprintable():
        raise Invalid(f"must be one line of at most {MAX_CHARS} characters")
    try:
        words = shlex.split(text)
    except ValueError:
        raise Invalid("has a quote, or a backslash, that nothing follows") from None
    if not words or not words[0].startswith("-"):
        raise Invalid("must begin with an option, such as -device")
    for word in words:
        option = re.sub("^--?", "", word)
        if word.startswith("-") and option in REFUSAL_REASONS:
            raise Invalid(f"must not have {word}: it {REFUSAL_REASONS[option]}")
    memory_mb(words)
    return words


def memory_mb(words: list[str]) -> int | None:
    """The size after -m, in MB; None without -m. Raises `Invalid` with a predicate."""
    positions = [index for index, word in enumerate(words) if word in ("-m", "--m")]
    if not positions:
        return None
    size = SIZE.fullmatch(words[positions[-1] + 1]) if positions[-1] + 1 < len(words) else None
    mb = int(size[1]) * (1024 if size[2] == "G" else 1) if size else 0
    if len(positions) > 1 or not 1 <= mb <= MAX_MEMORY_MB:
        raise Invalid("must have -m once, with a size such as 2048 or 2G")
    return mb


def drop_memory_option(words: list[str]) -> list[str]:
    """The words without -m and its size: the hypervisor sets the memory itself."""
    index = next((index for index, word in enumerate(words) if word in ("-m", "--m")), None)
    return words if index is None else words[:index] + words[index + 2 :]
