"""Words for QEMU's own command line, for what the device model has no device for. They are an administrator's."""

from __future__ import annotations

import re
import shlex

from domain.errors import Invalid

MAX_CHARS = 4000  # characters
# Whoever runs a machine must be able to tell whether it runs, to stop it, and to show it to those alone who may see it.
AWAY = "daemonize S pidfile runas chroot sandbox incoming loadvm no-shutdown run-with"
TALK = "monitor mon qmp qmp-pretty chardev serial parallel debugcon gdb s add-fd"
SHOW = "vnc spice display nographic sdl gtk curses full-screen"
SELF = "name uuid machine M accel enable-kvm nodefaults no-user-config readconfig writeconfig plugin"
MODEL = "cpu smp netdev nic net"
NOISE = "h help version D trace dump-vmstate"
WHY = {
    "would take the machine away from who runs it": AWAY,
    "would let others talk to it past Tenure": TALK,
    "would show it past Tenure": SHOW,
    "is for who runs it to say": SELF,
    "is what the devices cpu, network and nic are for": MODEL,
    "would end it at once, or write over files of this host": NOISE,
}
REFUSAL_REASONS = {option: why for why, options in WHY.items() for option in options.split()}
SIZE = re.compile(r"(?:size=)?([1-9][0-9]{0,6})([MG]?)")
MAX_MEMORY_MB = 16 * 1024 * 1024  # MB


def parse_command_line(text: str) -> list[str]:
    """Its words, read as a shell would without doing anything. `Invalid`: what is wrong, to go on after a field's name.

    QEMU takes an option with one hyphen or with two, and nothing shorter than its name.
    """
    if len(text) > MAX_CHARS or not text.isprintable():
        raise Invalid(f"must be one line of at most {MAX_CHARS} characters")
    try:
        found = shlex.split(text)
    except ValueError:
        raise Invalid("has a quote, or a backslash, that nothing follows") from None
    if not found or not found[0].startswith("-"):
        raise Invalid("must begin with an option, such as -device")
    for word in found:
        option = re.sub("^--?", "", word)
        if word.startswith("-") and option in REFUSAL_REASONS:
            raise Invalid(f"must not have {word}: it {REFUSAL_REASONS[option]}")
    memory_mb(found)
    return found


def memory_mb(found: list[str]) -> int | None:
    """What -m among these words asks for, in MB."""
    asked = [nth for nth, word in enumerate(found) if word in ("-m", "--m")]
    if not asked:
        return None
    size = SIZE.fullmatch(found[asked[-1] + 1]) if asked[-1] + 1 < len(found) else None
    mb = int(size[1]) * (1024 if size[2] == "G" else 1) if size else 0
    if len(asked) > 1 or not 1 <= mb <= MAX_MEMORY_MB:
        raise Invalid("must have -m once, with a size such as 2048 or 2G")
    return mb


def drop_memory_option(found: list[str]) -> list[str]:
    """The rest: how much memory there is, is told to who runs the machine."""
    nth = next((nth for nth, word in enumerate(found) if word in ("-m", "--m")), None)
    return found if nth is None else found[:nth] + found[nth + 2 :]
