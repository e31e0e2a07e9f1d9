"""What a person is called on a machine that they join: by the rules of useradd, and nobody whom a system has."""

from __future__ import annotations

import re

from domain.errors import Invalid

MAX_VM_USER_CHARS = 32  # characters
NAME = re.compile(r"[a-z_][a-z0-9_-]*")
# Those of Debian and its kin; the machine itself looks once more at those that it has.
SYSTEM = """
root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody sshd tenure
adm tty disk kmem dialout fax voice cdrom floppy tape sudo wheel admin audio dip operator src shadow utmp video
sasl plugdev staff users nogroup messagebus syslog ntp guests
"""


def validate_vm_user(name: str) -> str:
    """The name, if a user can be called so. `Invalid` otherwise."""
    if not name or len(name) > MAX_VM_USER_CHARS or not NAME.fullmatch(name):
        raise Invalid(
            f"user must be 1 to {MAX_VM_USER_CHARS} small letters, digits, hyphens and underscores, "
            "and not begin with a digit or a hyphen"
        )
    if name in SYSTEM.split() or name.startswith(("_", "systemd-")):
        raise Invalid("user must not be the name of a system user")
    return name
