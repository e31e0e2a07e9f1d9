"""Operations on the files below a root directory, which they never leave. `rooted_fs.pl` does the same in containers.

Each directory is opened by its name in the previous one, never through a link, and every call then names one entry of
an open directory. Links are read and walked by the same steps, and ".." returns to a directory that is still open. A
process that moves links meanwhile changes what is found, never where.

Every function raises the errors of the port `Files`, and `OSError`, which `system_refusals` turns into them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import subprocess
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from domain.workspace_path import ROOT
from infra.local.file_refusals import MAX_ENTRIES, refusal

MAX_LINKS = 40  # followed in one walk, as in the kernel's own: path_resolution(7)
MAX_RETRIES = 200  # of one walk, for entries that change while they are walked
OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a pipe that nobody writes to would wait for good. O_NOCTTY: a terminal must not become ours.
OPEN_FOR_READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
CREATE_FOR_WRITING = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
REPLACEMENT = "\ufffd"  # what listings show for bytes that are no UTF-8
RUN_OF_REPLACEMENTS = re.compile(f"{REPLACEMENT}+")
NEW_FILE_MODE = 0o666  # less the umask
CODES = {
    errno.ENOENT: "missing",
    errno.ENOTDIR: "missing",
    errno.EACCES: "denied",
    errno.EPERM: "denied",
    errno.ELOOP: "links",
    errno.EISDIR: "directory",
}


@contextmanager
def system_refusals() -> Iterator[None]:
    """Raise an `OSError` of the block as an error of the port."""
    try:
        yield
    except OSError as error:
        raise refusal(CODES.get(error.errno or 0, os.strerror(error.errno or 0))) from error


@contextmanager
def walk(root: Path, path: str, *, follow: bool, make: bool = False) -> Iterator[tuple[int, str]]:
    """The open directory that has the entry, and the entry's name: "." where the path is that directory.

    `follow`: also a link that is the entry itself. `make`: create directories that are missing on the way.
    """
    open_directories = [os.open(root, OPEN_DIRECTORY)]
    names, links, retries = deque(parts(path)), 0, 0
    try:
        while names:
            name = names.popleft()
            if name == "..":
                if len(open_directories) == 1:
                    raise refusal("leaves")
                os.close(open_directories.pop())
                continue
            name = exact_name(name, open_directories[-1])
            if (names or follow) and (target := read_link(name, open_directories[-1])) is not None:
                links += 1
                if links > MAX_LINKS:
                    raise refusal("links")
                if target.startswith("/"):
                    target = below_root(target, root)
                    while len(open_directories) > 1:
                        os.close(open_directories.pop())
                names.extendleft(reversed(parts(target)))
            elif not names:
                yield open_directories[-1], name
                return
            else:
                try:
                    open_directories.append(os.open(name, OPEN_DIRECTORY, dir_fd=open_directories[-1]))
                    continue
                except FileNotFoundError:
                    if not make:
                        raise
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(name, dir_fd=open_directories[-1])
                except OSError as error:
                    if read_link(name, open_directories[-1]) is None:
                        if make and error.errno == errno.ENOTDIR:
                            raise refusal("below file") from error
                        raise
                retries += 1  # the directory has been made, or has become a link since it was read
                if retries > MAX_RETRIES:
                    raise refusal("links")
                names.appendleft(name)
        yield open_directories[-1], "."
    finally:
        for directory in open_directories:
            os.close(directory)


def exact_name(name: str, directory: int) -> str:
    """The entry that is listed under a name with U+FFFD in place of bytes that are no UTF-8; else the name itself.

    Of several that look alike, the first by its bytes: so each can be read and deleted, one after the other.
    """
    if REPLACEMENT not in name or name in (names := os.listdir(directory)):
        return name
    target, entries = listed_name(name), map(os.fsencode, names)
    alike = sorted(entry for entry in entries if listed_name(entry.decode(errors="replace")) == target)
    return os.fsdecode(alike[0]) if alike else name


def listed_name(text: str) -> str:
    """A name as it is listed, whichever number of U+FFFD stands for the bytes of a run that is no UTF-8."""
    return RUN_OF_REPLACEMENTS.sub(REPLACEMENT, text)


def parts(path: str) -> list[str]:
    """The names in a path, ".." among them."""
    return [part for part in path.split("/") if part not in ("", ".")]


def read_link(name: str, directory: int) -> str | None:
    """The target of a link; None for an entry that is no link, or is missing."""
    try:
        return os.readlink(name, dir_fd=directory)
    except OSError:
        return None


def below_root(target: str, root: Path) -> str:
    """The rest of an absolute link below the root, which links name by its real path or as clients do."""
    for prefix in (root.parts[1:], (ROOT,)):
        if tuple(parts(target)[: len(prefix)]) == prefix:
            return "/".join(parts(target)[len(prefix) :])
    raise refusal("leaves")


def list_directory(root: Path, path: str) -> list[tuple[str, os.stat_result]]:
    """The entries' names and their status; of a link that of its target, unless that is outside or missing."""
    with walk(root, path, follow=True) as (parent, name):
        if name != "." and not stat.S_ISDIR(os.lstat(name, dir_fd=parent).st_mode):
            raise refusal("file")
        directory = os.open(name, OPEN_DIRECTORY, dir_fd=parent)
        try:
            names = os.listdir(directory)
            if len(names) > MAX_ENTRIES:
                raise refusal("there are too many files in it to be listed")
            entries = []
            for entry in names:
                with contextlib.suppress(FileNotFoundError):
                    entries.append((entry, os.lstat(entry, dir_fd=directory)))
        finally:
            os.close(directory)
    return [
        (name, target_status(root, f"{path}/{name}") if stat.S_ISLNK(status.st_mode) else status)
        for name, status in entries
    ]


def target_status(root: Path, path: str) -> os.stat_result:
    """The status of a link's target; of the link itself, if the target is outside or missing."""
    with contextlib.suppress(Exception), walk(root, path, follow=True) as (directory, name):
        return os.lstat(name, dir_fd=directory)
    with walk(root, path, follow=False) as (directory, name):
        return os.lstat(name, dir_fd=directory)


def open_file(root: Path, path: str) -> int:
    """A descriptor of a regular file, for reading; the caller closes it."""
    with walk(root, path, follow=True) as (directory, name):
        require_file(os.lstat(name, dir_fd=directory))
        file = os.open(name, OPEN_FOR_READING, dir_fd=directory)
    try:
        require_file(os.fstat(file))
    except BaseException:
        os.close(file)
        raise
    return file


def require_file(status: os.stat_result) -> None:
    """Refuse what is not a regular file."""
    if stat.S_ISDIR(status.st_mode):
        raise refusal("directory")
    if not stat.S_ISREG(status.st_mode):
        raise refusal("special")


@contextmanager
def replace_file(root: Path, path: str) -> Iterator[int]:
    """A descriptor of a new file. It takes the old file's place and mode when the block ends without an error."""
    with walk(root, path, follow=True, make=True) as (directory, name):
        mode = None
        with contextlib.suppress(FileNotFoundError):
            old = os.lstat(name, dir_fd=directory)
            require_file(old)
            mode = stat.S_IMODE(old.st_mode) & 0o777
        new_name = f".tenure-{uuid4().hex}"
        file = os.open(new_name, CREATE_FOR_WRITING, NEW_FILE_MODE, dir_fd=directory)
        try:
            if mode is not None:
                os.fchmod(file, mode)
            yield file
            with system_refusals():
                os.rename(new_name, name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            os.unlink(new_name, dir_fd=directory)
            raise
        finally:
            os.close(file)


def delete(root: Path, path: str) -> None:
    """Remove any entry, a directory with all below it; never the root. A link is removed, wherever it leads."""
    with walk(root, path, follow=False) as (directory, name):
        if name == ".":
            raise refusal("root")
        if not stat.S_ISDIR(os.lstat(name, dir_fd=directory).st_mode):
            os.unlink(name, dir_fd=directory)
            return
        # `rm` follows no links, and takes trees that are deeper than Python's stack.
        command = ["rm", "-rf", "--", name]
        working_directory = f"/proc/{os.getpid()}/fd/{directory}"
        result = subprocess.run(command, cwd=working_directory, capture_output=True, stdin=subprocess.DEVNULL)
        if result.returncode:
            raise refusal("denied")
