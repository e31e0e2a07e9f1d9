"""Operations on the files below a directory, which they never leave. `confined.pl` does the same inside containers.

Each directory is opened by its name in the one before, never through a link, and every call then names one entry of
an open directory. So whoever moves links about meanwhile changes what is found, but not where. Links are read and
walked by the same steps, and ".." goes back to what was held open.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from domain.workspace_path import ROOT
from infra.local.file_refusals import MAX_ENTRIES, refusal

LINKS, AGAIN = 40, 200  # links followed, and times that one was changed under our feet
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
WRITING = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
WORDS = {
    errno.ENOENT: "missing",
    errno.ENOTDIR: "missing",
    errno.EACCES: "denied",
    errno.EPERM: "denied",
    errno.ELOOP: "links",
    errno.EISDIR: "directory",
}


@contextmanager
def troubles() -> Iterator[None]:
    """What the system refuses, in the words of the port."""
    try:
        yield
    except OSError as error:
        raise refusal(WORDS.get(error.errno or 0, os.strerror(error.errno or 0))) from error


@contextmanager
def walked(root: Path, path: str, *, follow: bool, make: bool = False) -> Iterator[tuple[int, str]]:
    """The open directory that has the entry, and its name there: "." where the path is that directory.

    `follow`: also a link that the entry itself is. `make`: directories that are missing on the way.
    """
    held = [os.open(root, DIRECTORY)]
    todo, links, again = deque(parts(path)), 0, 0
    try:
        while todo:
            name = todo.popleft()
            if name == "..":
                if len(held) == 1:
                    raise refusal("leaves")
                os.close(held.pop())
                continue
            if (todo or follow) and (to := link(name, held[-1])) is not None:
                links += 1
                if links > LINKS:
                    raise refusal("links")
                if to.startswith("/"):
                    to = known(to, root)
                    while len(held) > 1:
                        os.close(held.pop())
                todo.extendleft(reversed(parts(to)))
            elif not todo:
                yield held[-1], name
                return
            else:
                try:
                    held.append(os.open(name, DIRECTORY, dir_fd=held[-1]))
                    continue
                except FileNotFoundError:
                    if not make:
                        raise
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(name, dir_fd=held[-1])
                except OSError:
                    if link(name, held[-1]) is None:
                        raise
                again += 1  # it has been made, or has just become a link
                if again > AGAIN:
                    raise refusal("links")
                todo.appendleft(name)
        yield held[-1], "."
    finally:
        for directory in held:
            os.close(directory)


def parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def link(name: str, directory: int) -> str | None:
    """Where it leads; None if it is no link."""
    try:
        return os.readlink(name, dir_fd=directory)
    except OSError:
        return None


def known(to: str, root: Path) -> str:
    """An absolute link's way from the root on: the root goes by its own name, and by that of the contract."""
    for name in (root.parts[1:], (ROOT,)):
        if tuple(parts(to)[: len(name)]) == name:
            return "/".join(parts(to)[len(name) :])
    raise refusal("leaves")


def listed(root: Path, path: str) -> list[tuple[str, os.stat_result]]:
    with walked(root, path, follow=True) as (directory, name):
        if name != "." and not stat.S_ISDIR(os.lstat(name, dir_fd=directory).st_mode):
            raise refusal("file")
        here = os.open(name, DIRECTORY, dir_fd=directory)
        try:
            names = os.listdir(here)
            if len(names) > MAX_ENTRIES:
                raise refusal("there are too many files in it to be listed")
            seen = []
            for entry in names:
                with contextlib.suppress(FileNotFoundError):
                    seen.append((entry, os.lstat(entry, dir_fd=here)))
        finally:
            os.close(here)
    return [(name, target(root, f"{path}/{name}") if stat.S_ISLNK(it.st_mode) else it) for name, it in seen]


def target(root: Path, path: str) -> os.stat_result:
    """Of what a link leads to, unless that is outside, or nothing."""
    with contextlib.suppress(Exception), walked(root, path, follow=True) as (directory, name):
        return os.lstat(name, dir_fd=directory)
    with walked(root, path, follow=False) as (directory, name):
        return os.lstat(name, dir_fd=directory)


def opened(root: Path, path: str) -> int:
    """A regular file, for reading."""
    with walked(root, path, follow=True) as (directory, name):
        require_file(os.lstat(name, dir_fd=directory))
        file = os.open(name, READING, dir_fd=directory)
    try:
        require_file(os.fstat(file))
    except BaseException:
        os.close(file)
        raise
    return file


def require_file(seen: os.stat_result) -> None:
    if stat.S_ISDIR(seen.st_mode):
        raise refusal("directory")
    if not stat.S_ISREG(seen.st_mode):
        raise refusal("special")


@contextmanager
def written(root: Path, path: str) -> Iterator[int]:
    """A new file, which takes the old one's place when the block is left well."""
    with walked(root, path, follow=True, make=True) as (directory, name):
        mode = None
        with contextlib.suppress(FileNotFoundError):
            before = os.lstat(name, dir_fd=directory)
            require_file(before)
            mode = stat.S_IMODE(before.st_mode) & 0o777
        new = f".tenure-{uuid4().hex}"
        file = os.open(new, WRITING, 0o666, dir_fd=directory)
        try:
            if mode is not None:
                os.fchmod(file, mode)
            yield file
            with troubles():
                os.rename(new, name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            os.unlink(new, dir_fd=directory)
            raise
        finally:
            os.close(file)


def delete(root: Path, path: str) -> None:
    with contextlib.suppress(OSError), walked(root, path, follow=True):
        pass  # a link that leaves is refused
    with walked(root, path, follow=False) as (directory, name):
        if name == ".":
            raise refusal("root")
        mode = os.lstat(name, dir_fd=directory).st_mode
        if stat.S_ISDIR(mode):
            shutil.rmtree(name, dir_fd=directory)  # it follows no links either
        elif stat.S_ISREG(mode) or stat.S_ISLNK(mode):
            os.unlink(name, dir_fd=directory)
        else:
            raise refusal("special")
