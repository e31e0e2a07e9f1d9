"""Finds or creates the operating system account that PostgreSQL runs as.

PostgreSQL refuses to run as root. Where Tenure does, PostgreSQL gets an account of its own, and access to its files.
"""

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

ACCOUNT_NAME = "tenure"
CREATE_COMMANDS = (  # Debian and most others; Alpine
    ("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT_NAME),
    ("adduser", "-S", "-D", "-H", ACCOUNT_NAME),
)


def account_for(data: Path) -> pwd.struct_passwd | None:
    """Return the account to run a database in this directory as; None where that is this process's own.

    The owner of existing data comes first, then the accounts `tenure` and `postgres`, then a new account. Raises
    `CannotStart`.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        owner = data.stat().st_uid
        try:
            return pwd.getpwuid(owner)
        except KeyError:
            raise CannotStart(f"{data} belongs to user {owner}, whom this machine does not know.") from None
    return _find_account(ACCOUNT_NAME) or _find_account("postgres") or _create_account()


def _find_account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _create_account() -> pwd.struct_passwd:
    for command in CREATE_COMMANDS:
        if shutil.which(command[0]):
            subprocess.run(command, capture_output=True, check=False)
            if account := _find_account(ACCOUNT_NAME):
                log.warning("PostgreSQL does not run as root: created the account %s for it", ACCOUNT_NAME)
                return account
    raise CannotStart(
        "PostgreSQL does not run as root, and no account could be made for it. "
        "Start Tenure as another user, or name a database with TENURE_DATABASE_URL."
    )


def subprocess_options(account: pwd.struct_passwd | None) -> Mapping[str, Any]:
    """Return the keyword arguments that make `subprocess` run a program as this account."""
    return {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def grant_traversal(path: Path, account: pwd.struct_passwd | None) -> None:
    """Let the account pass through the directories above `path`. It still cannot list them."""
    if account is None:
        return
    for directory in path.resolve().parents:
        status = directory.stat()
        if not status.st_mode & stat.S_IXOTH and status.st_uid != account.pw_uid:
            log.warning("letting %s pass through %s, on the way to %s", account.pw_name, directory, path)
            directory.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)


def grant_execution(programs: Path, account: pwd.struct_passwd | None) -> None:
    """Let the account run the programs in this folder: a strict umask may have closed them to others."""
    if account is None:
        return
    grant_traversal(programs, account)
    installation = programs.parent.parent
    for top in (installation, installation.parent / f"{installation.name}.libs"):
        for path in (top, *top.rglob("*")):
            mode = stat.S_IMODE(path.lstat().st_mode)
            open_mode = mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
            if open_mode != mode and not path.is_symlink():
                path.chmod(open_mode)
