"""Names of accounts on a machine that guests join, by the rules of useradd."""

from __future__ import annotations

import re

from domain.errors import Invalid

MAX_VM_USER_CHARS = 32
NAME = re.compile(r"[a-z_][a-z0-9_-]*")
# System accounts of Debian and its derivatives. The machine itself refuses the rest of its own.
SYSTEM_USERS = """
root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody sshd tenure
adm tty disk kmem dialout fax voice cdrom floppy tape sudo wheel admin audio dip operator src shadow utmp video
sasl plugdev staff users nogroup messagebus syslog ntp guests
"""


def validate_vm_user(name: str) -> str:
    """Return the name. Raises `Invalid` if no guest account may have it."""
    if not name or len(name) > MAX_VM_USER_CHARS or not NAME.fullmatch(name):
        raise Invalid(
            f"user must be 1 to {MAX_VM_USER_CHARS} small letters, digits, hyphens and underscores, "
            "and not begin with a digit or a hyphen"
        )
    if name in SYSTEM_USERS.split() or name.startswith(("_", "systemd-")):
        raise Invalid("user must not be the name of a system user")
    return name
