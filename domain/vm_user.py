"""What a person is called on a machine that they join: by the rules of useradd, and nobody whom a system has."""

from __future__ import annotations

import re

from domain.errors import Invalid

LONGEST = 32  # characters
NAME = re.compile(r"[a-z_][a-z0-9_-]*")
# Those of Debian and its kin; the machine itself looks once more at those that it has.
SYSTEM = """
root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody sshd tenure
adm tty disk kmem dialout fax voice cdrom floppy tape sudo wheel admin audio dip operator src shadow utmp video
sasl plugdev staff users nogroup messagebus syslog ntp guests
"""


def checked(name: str) -> str:
    """The name, if a user can be called so. `Invalid` otherwise."""
    if not name or len(name) > LONGEST or not NAME.fullmatch(name):
        raise Invalid(
            f"user must be 1 to {LONGEST} small letters, digits, hyphens and underscores, and not begin with a digit "
            "or a hyphen"
        )
    if name in SYSTEM.split() or name.startswith(("_", "systemd-")):
        raise Invalid("user must not be the name of a system user")
    return name
