"""A local machine's files: copied, swapped and removed so that a crash at any step leaves nothing half done."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from uuid import UUID


@dataclass(frozen=True)
class Note:
    """What is remembered of a machine beside its directory. The machine exists as long as its note does."""

    installation: str
    template: str
    engine_id: str  # another one after each re-creation
    running: bool = True  # meant to run; without a terminal it is all there is to running
    operation: str | None = None  # the restoration that made the directory what it is
    swap: bool = False  # the restored directory is complete and has yet to take the old one's place


class LocalFiles:
    """One folder: `<id>/` the machine, `<id>.json` its note, `snapshots/<id>/<snapshot>/`.

    Whoever changes something holds the machine's lock. Names that are being written end in `.part`, the
    directory that is on its way out in `.old`; both are of no account and removed by whoever comes next.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ensure_folder(self) -> None:
        """Ours alone: there are other people's files in it."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def ensure_directory(self, id: UUID) -> None:
        self.directory(id).mkdir(exist_ok=True)

    def directory(self, id: UUID) -> Path:
        return self.folder / str(id)

    def snapshot(self, id: UUID, snapshot_id: UUID) -> Path:
        return self.folder / "snapshots" / str(id) / str(snapshot_id)

    def ids(self) -> list[UUID]:
        """Of every machine that has a note."""
        found = []
        for path in self.folder.glob("*.json"):
            with suppress(ValueError):
                found.append(UUID(path.stem))
        return sorted(found)

    @contextmanager
    def alone(self, id: UUID) -> Iterator[None]:
        """Nobody else, in this process or another, changes this machine meanwhile. A killed holder lets go."""
        self.ensure_folder()
        path = self._beside(id, "lock")
        while True:
            with path.open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not _is_still(path, lock.fileno()):
                    continue  # whoever held it removed it, so that nobody else waits for this one
                try:
                    self._finish_swap(id)
                    yield
                finally:
                    path.unlink()
                return

    def note(self, id: UUID) -> Note | None:
        try:
            return Note(**json.loads(self._beside(id, "json").read_bytes()))
        except FileNotFoundError:
            return None

    def write_note(self, id: UUID, note: Note) -> None:
        part = self._beside(id, "json.part")
        part.write_text(json.dumps(asdict(note)))
        part.replace(self._beside(id, "json"))

    def keep(self, id: UUID, snapshot_id: UUID) -> int:
        """The directory copied as a snapshot, unless there is one of this id. Returns its size in bytes."""
        kept = self.snapshot(id, snapshot_id)
        if not kept.exists():
            part = kept.with_name(f"{kept.name}.part")
            remove_tree(part)
            copy_tree(self.directory(id), part)
            part.rename(kept)
        return size_of(kept)

    def bring_back(self, id: UUID, snapshot_id: UUID) -> None:
        """A copy of the snapshot laid ready beside the machine's directory."""
        part = self._beside(id, "part")
        remove_tree(part)
        copy_tree(self.snapshot(id, snapshot_id), part)

    def swap(self, id: UUID, note: Note) -> None:
        """The copy takes the directory's place. Once the note says so, any later step finishes it."""
        self.write_note(id, replace(note, swap=True))
        self._finish_swap(id)

    def remove(self, id: UUID) -> None:
        """All of it; the note last, so that what is cut short is known to be there still."""
        remove_tree(self.folder / "snapshots" / str(id))
        for path in (self.directory(id), self._beside(id, "part"), self._beside(id, "old")):
            remove_tree(path)
        for suffix in ("json.part", "json"):
            self._beside(id, suffix).unlink(missing_ok=True)

    def _finish_swap(self, id: UUID) -> None:
        note = self.note(id)
        if note is None or not note.swap:
            return
        part, old, directory = self._beside(id, "part"), self._beside(id, "old"), self.directory(id)
        if part.exists():
            remove_tree(old)
            with suppress(FileNotFoundError):
                directory.rename(old)
            part.rename(directory)
        remove_tree(old)
        self.write_note(id, replace(note, swap=False))

    def _beside(self, id: UUID, suffix: str) -> Path:
        return self.folder / f"{id}.{suffix}"


def copy_tree(source: Path, target: Path) -> None:
    """Directories, files and links as links. Sockets, pipes and devices are nobody's files, and left out.

    What goes away while it is copied is left out too: the machine may be at work.
    """
    target.mkdir(parents=True)
    directories = [(source, target)]
    for entry in _walk(source):
        copy = target / os.path.relpath(entry.path, source)
        with suppress(FileNotFoundError):
            if entry.is_symlink():
                copy.symlink_to(os.readlink(entry.path))
            elif entry.is_dir(follow_symlinks=False):
                copy.mkdir()
                directories.append((Path(entry.path), copy))
            elif entry.is_file(follow_symlinks=False):
                shutil.copy2(entry.path, copy, follow_symlinks=False)
    for made_from, copy in reversed(directories):  # last: in one that is read-only nothing could be made
        with suppress(FileNotFoundError):
            shutil.copystat(made_from, copy)


def size_of(tree: Path) -> int:
    """The bytes in its files."""
    return sum(
        entry.stat(follow_symlinks=False).st_size for entry in _walk(tree) if entry.is_file(follow_symlinks=False)
    )


def remove_tree(path: Path) -> None:
    """Nothing is left, however deep it was and whatever was made read-only. Links are not followed."""
    if not os.path.lexists(path):
        return
    remove = ["rm", "-rf", "--", os.fspath(path)]
    if subprocess.run(remove, capture_output=True).returncode:
        subprocess.run(["chmod", "-R", "u+rwX", "--", os.fspath(path)], capture_output=True)
        done = subprocess.run(remove, capture_output=True, text=True)
        if done.returncode:
            raise OSError(done.stderr.strip())


def _walk(tree: Path) -> Iterator[os.DirEntry[str]]:
    """Every entry below, a directory before what is in it. Not recursive: a tree may be deeper than a stack."""
    waiting = [os.fspath(tree)]
    while waiting:
        with suppress(FileNotFoundError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
