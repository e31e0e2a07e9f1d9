"""Options on QEMU's own command line, for hardware that the device model lacks.

Only administrators set them, only where a setting allows them, and only options and keys of `qemu_options`: QEMU reads
and writes files of this host as it is told.
"""

from __future__ import annotations

import re
import shlex

from domain.errors import Invalid
from domain.vm.qemu_options import OPTIONS, takes_value, validate_option

MAX_CHARS = 4000
# Options that people may expect to work, and why they do not. All that `qemu_options` does not have is refused.
PROCESS_OPTIONS = "daemonize S pidfile runas chroot sandbox incoming loadvm no-shutdown run-with"
CHANNEL_OPTIONS = "monitor mon qmp qmp-pretty chardev serial parallel debugcon gdb s add-fd"
DISPLAY_OPTIONS = "vnc spice display nographic sdl gtk curses full-screen"
IDENTITY_OPTIONS = "name uuid machine M accel enable-kvm nodefaults no-user-config readconfig writeconfig plugin"
DEVICE_OPTIONS = "cpu smp netdev nic net"
OUTPUT_OPTIONS = "h help version D trace dump-vmstate"
FILE_OPTIONS = (
    "drive hda hdb hdc hdd cdrom fda fdb sd pflash mtdblock blockdev virtfs fsdev kernel initrd append dtb bios L "
    "option-rom acpitable audiodev audio tpmdev snapshot"
)
REASONS = {
    "would take the machine away from who runs it": PROCESS_OPTIONS,
    "would let others talk to it past Tenure": CHANNEL_OPTIONS,
    "would show it past Tenure": DISPLAY_OPTIONS,
    "is for who runs it to say": IDENTITY_OPTIONS,
    "is what the devices cpu, network and nic are for": DEVICE_OPTIONS,
    "would end it at once, or write over files of this host": OUTPUT_OPTIONS,
    "would open files of this host": FILE_OPTIONS,
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
    memory_mb(words)
    rest = iter(words)
    for word in rest:
        option = re.sub("^--?", "", word)
        if not word.startswith("-") or option not in OPTIONS:
            raise Invalid(refusal_of(word, option))
        if takes_value(option):
            value = next(rest, None)
            if value is None:
                raise Invalid(f"must have a value after {word}")
            validate_option(option, value)
    return words


def refusal_of(word: str, option: str) -> str:
    """The predicate about a word that is no option which is allowed."""
    if word.startswith("-") and option in REFUSAL_REASONS:
        return f"must not have {word}: it {REFUSAL_REASONS[option]}"
    return f"must not have {word[:50]}: allowed are {', '.join(f'-{name}' for name in OPTIONS)}"


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
