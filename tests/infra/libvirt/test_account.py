"""Tests start their libvirtd on a Debian that has not the account which its package would make."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.engines import lacking
from tests.support.libvirtd import MOUNTED

WITHOUT_ACCOUNT = """
set -e
for name in passwd group; do
    grep -v '^libvirt-qemu:' "/etc/$name" >"$1/bare-$name"
    mount --bind "$1/bare-$name" "/etc/$name"
done
! getent passwd libvirt-qemu
exec sh -c "$2" sh "$1" getent passwd libvirt-qemu
"""


@pytest.mark.fault("F54")
def test_the_account_of_libvirt_is_there_for_tests_where_nothing_made_it(tmp_path: Path) -> None:
    if os.getuid():
        lacking("libvirt", "only root starts a libvirtd of its own")
    for place in ("etc", "run", "var/lib", "var/cache", "var/log"):
        (tmp_path / place).mkdir(parents=True)
    command = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        WITHOUT_ACCOUNT,
        "sh",
        str(tmp_path),
        MOUNTED,
    ]
    result = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    assert result.stdout.startswith("libvirt-qemu:x:64055:")
