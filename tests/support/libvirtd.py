"""A real libvirtd for tests: run as root, without systemd, and separate from the host's own.

It runs in a mount namespace where /etc/libvirt and the folders that it keeps things in are the test's, so that it knows
no other domains than those made here, and a host's libvirtd knows nothing of them. It is reached by its socket.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from tests.support.engines import lacking

FOLDERS = {name: f"/{name}/libvirt" for name in ("etc", "run", "var/lib", "var/cache", "var/log")}
MOUNTED = """
set -e
home=$1; shift
for place in etc run var/lib var/cache var/log; do
    mkdir -p "/$place/libvirt"
    mount --bind "$home/$place" "/$place/libvirt"
done
# Debian's libvirtd does not start without this account, whatever qemu.conf says. Only the package
# libvirt-daemon-system, which also starts the machine's own libvirtd, makes it.
account() {
    grep -q '^libvirt-qemu:' "/etc/$1" && return
    { cat "/etc/$1"; echo "libvirt-qemu:x:64055:$2"; } >"$home/$1"
    mount --bind "$home/$1" "/etc/$1"
}
account passwd 64055::/:/usr/sbin/nologin
account group ""
exec "$@"
"""
# As root, QEMU included; without cgroups and virtlogd, which a bare machine need not have.
QEMU_CONF = """
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
"""
LIBVIRTD_CONF = """
auth_unix_rw = "none"
unix_sock_group = "root"
log_outputs = "3:stderr"
"""
GUEST = Path(os.environ.get("TENURE_TEST_GUEST", "~/.cache/tenure/guest.img")).expanduser()
WAIT_TIMEOUT_S = 30.0


class Libvirtd:
    def __init__(self, home: Path) -> None:
        self.home = home
        for place in FOLDERS:
            (home / place).mkdir(parents=True, exist_ok=True)
        (home / "etc/qemu.conf").write_text(QEMU_CONF)
        (home / "etc/libvirtd.conf").write_text(LIBVIRTD_CONF)
        self._socket, self._log = home / "run/libvirt-sock", home / "libvirtd.log"
        reaper = (sys.executable, Path(__file__).with_name("reaper.py"))
        self._reaper = subprocess.Popen(reaper, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._process: psutil.Process | None = None

    @property
    def uri(self) -> str:
        return f"qemu+unix:///system?socket={self._socket}"

    def start(self) -> None:
        self._socket.unlink(missing_ok=True)
        daemon = ["libvirtd", "--config", "/etc/libvirt/libvirtd.conf", "--pid-file", "/run/libvirt/libvirtd.pid"]
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", MOUNTED, "sh", str(self.home), *daemon]
        assert self._reaper.stdin and self._reaper.stdout
        print(json.dumps([command, str(self._log)]), file=self._reaper.stdin, flush=True)
        self._process = psutil.Process(int(self._reaper.stdout.readline()))
        last = time.monotonic() + WAIT_TIMEOUT_S
        while not self._answers():
            assert self._process.is_running() and time.monotonic() < last, self.log_tail()
            time.sleep(0.02)

    def _answers(self) -> bool:
        return self._socket.exists() and self.virsh("uri", check=False).returncode == 0

    def stop(self) -> None:
        """Terminate the daemon. Its machines run on."""
        if self._process:
            self._process.terminate()
            self._process.wait(WAIT_TIMEOUT_S)
            self._process = None

    def virsh(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run virsh, to look or act without the code under test."""
        command = ["virsh", "--connect", self.uri, *words]
        return subprocess.run(command, check=check, capture_output=True, text=True, timeout=WAIT_TIMEOUT_S)

    def domains(self) -> list[str]:
        """The names of all domains."""
        return self.virsh("list", "--all", "--name").stdout.split()

    def qemu(self) -> list[psutil.Process]:
        """The QEMU processes of this libvirtd."""
        pids = [path.read_text() for path in (self.home / "run/qemu").glob("tenure-*.pid")]
        return [psutil.Process(int(pid)) for pid in pids if pid and psutil.pid_exists(int(pid))]

    def log_tail(self) -> str:
        """The last 2000 characters of the daemon's log."""
        return self._log.read_text()[-2000:]

    def close(self) -> None:
        for process in self.qemu():
            process.kill()
            process.wait(WAIT_TIMEOUT_S)
        self.stop()
        self._reaper.communicate()


@contextmanager
def libvirtd() -> Iterator[Libvirtd]:
    """Start a libvirtd without domains. Afterwards it and its machines are ended."""
    for program in ("libvirtd", "virsh", "qemu-system-x86_64", "unshare"):
        if not shutil.which(program):
            lacking("libvirt", f"there is no {program}")
    try:
        import libvirt  # noqa: F401
    except ImportError:
        lacking("libvirt", "there is no libvirt-python: make test builds it where libvirt-dev is")
    if not GUEST.exists():
        lacking("libvirt", f"there is no {GUEST}: infra/images/guest.sh")
    if os.geteuid() != 0:
        lacking("libvirt", "only root starts a libvirtd of its own")
    with TemporaryDirectory(prefix="tenure-libvirt-") as home:  # short: the names of sockets must be
        daemon = Libvirtd(Path(home))
        try:
            daemon.start()
            yield daemon
        finally:
            daemon.close()


if __name__ == "__main__":  # one to try things on, until interrupted
    with libvirtd() as started:
        print(started.uri, flush=True)
        with suppress(KeyboardInterrupt):
            sys.stdin.read()
