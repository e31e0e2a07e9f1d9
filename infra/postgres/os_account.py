"""Whom PostgreSQL runs as. It refuses to be root, so root lends it an account, and a way to its files."""

from __future__ import annotations

import logging
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.runtime.home import CannotStart

log = logging.getLogger(__name__)

NAME = "tenure"
MAKERS = (  # Debian and most others; Alpine
    ("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME),
    ("adduser", "-S", "-D", "-H", NAME),
)


def account(data: Path) -> pwd.struct_passwd | None:
    """The account that a database in this directory runs as; `None`: our own. Made where there is none.

    Raises `CannotStart`.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        owner = data.stat().st_uid
        try:
            return pwd.getpwuid(owner)
        except KeyError:
            raise CannotStart(f"{data} belongs to user {owner}, whom this machine does not know.") from None
    return _named(NAME) or _named("postgres") or _made()


def _named(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _made() -> pwd.struct_passwd:
    for maker in MAKERS:
        if shutil.which(maker[0]):
            subprocess.run(maker, capture_output=True, check=False)
            if made := _named(NAME):
                log.warning("PostgreSQL does not run as root: made the account %s for it", NAME)
                return made
    raise CannotStart(
        "PostgreSQL does not run as root, and no account could be made for it. "
        "Start Tenure as another user, or name a database with TENURE_DATABASE_URL."
    )


def lent(who: pwd.struct_passwd | None) -> Mapping[str, Any]:
    """What `subprocess` needs to run a program as this account."""
    return {} if who is None else {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}


def open_the_way(path: Path, who: pwd.struct_passwd | None) -> None:
    """Let the account pass through the directories above: pass through, not look around."""
    if who is None:
        return
    for directory in path.resolve().parents:
        found = directory.stat()
        if not found.st_mode & stat.S_IXOTH and found.st_uid != who.pw_uid:
            log.warning("letting %s pass through %s, on the way to %s", who.pw_name, directory, path)
            directory.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)


def open_programs(programs: Path, who: pwd.struct_passwd | None) -> None:
    """Let the account run what was installed under a strict umask."""
    if who is None:
        return
    open_the_way(programs, who)
    installed = programs.parent.parent
    for top in (installed, installed.parent / f"{installed.name}.libs"):
        for path in (top, *top.rglob("*")):
            mode = stat.S_IMODE(path.lstat().st_mode)
            wanted = mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
            if wanted != mode and not path.is_symlink():
                path.chmod(wanted)
