"""The directory and snapshots of a local machine. A kill at any step of a copy, swap or removal leaves them whole."""

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

PRIVATE_MODE = 0o700


@dataclass(frozen=True)
class MachineRecord:
    """A machine as it is stored beside its directory, as JSON of these fields. It exists as long as its record does."""

    installation: str
    template: str
    engine_id: str  # another one after each re-creation
    running: bool = True  # meant to run; without tmux this is all there is to running
    operation: str | None = None  # the id of the restoration that made the directory
    swap: bool = False  # the restored directory is complete, and does not have the old one's place yet


class LocalDisk:
    """One folder: `<id>/` the machine, `<id>.json` its record, `snapshots/<id>/<snapshot>/`.

    Every change is made under the machine's lock. Names that end in `.part` are being written, `.old` is a directory
    that is being removed: both may be left by a kill, and the next change removes them.

    Every method may raise `OSError`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ensure_folder(self) -> None:
        """Make the folder, which only our own user may enter: it holds the files of many people."""
        self.folder.mkdir(mode=PRIVATE_MODE, parents=True, exist_ok=True)

    def ensure_directory(self, id: UUID) -> None:
        """Make the machine's directory unless it is there."""
        self.directory(id).mkdir(exist_ok=True)

    def directory(self, id: UUID) -> Path:
        """The path of the machine's files."""
        return self.folder / str(id)

    def snapshot(self, id: UUID, snapshot_id: UUID) -> Path:
        """The path of a snapshot's files."""
        return self.folder / "snapshots" / str(id) / str(snapshot_id)

    def ids(self) -> list[UUID]:
        """The ids of all machines that have a record, sorted."""
        ids = []
        for path in self.folder.glob("*.json"):
            with suppress(ValueError):
                ids.append(UUID(path.stem))
        return sorted(ids)

    @contextmanager
    def lock(self, id: UUID) -> Iterator[None]:
        """Keep every other process and thread from changing this machine. The kernel frees a killed holder's lock."""
        self.ensure_folder()
        path = self._beside(id, "lock")
        while True:
            with path.open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if not _is_same_file(path, file.fileno()):
                    continue  # the last holder removed this file: others lock a new one
                try:
                    self._finish_swap(id)
                    yield
                finally:
                    path.unlink()
                return

    def record(self, id: UUID) -> MachineRecord | None:
        """The machine's record; None if there is no machine."""
        try:
            return MachineRecord(**json.loads(self._beside(id, "json").read_bytes()))
        except FileNotFoundError:
            return None

    def epoch(self, id: UUID) -> str | None:
        """The epoch of the log that has made the machine; None: version 0.1 has, or there is none."""
        try:
            return self._epoch_file(id).read_text()
        except FileNotFoundError:
            return None

    def write_epoch(self, id: UUID, epoch: str) -> None:
        """Keep the epoch of a machine that is about to be made. No field of the record: version 0.1 refuses others."""
        self._epoch_file(id).parent.mkdir(exist_ok=True)
        self._epoch_file(id).write_text(epoch)

    def _epoch_file(self, id: UUID) -> Path:
        return self.folder / "epochs" / str(id)

    def write_record(self, id: UUID, record: MachineRecord) -> None:
        """Replace the machine's record in one step."""
        part = self._beside(id, "json.part")
        part.write_text(json.dumps(asdict(record)))
        part.replace(self._beside(id, "json"))

    def take_snapshot(self, id: UUID, snapshot_id: UUID) -> int:
        """Copy the directory as a snapshot, unless there is one of this id. Returns its size in bytes."""
        snapshot = self.snapshot(id, snapshot_id)
        if not snapshot.exists():
            part = snapshot.with_name(f"{snapshot.name}.part")
            remove_tree(part)
            copy_tree(self.directory(id), part)
            part.rename(snapshot)
        return size_of(snapshot)

    def prepare_restore(self, id: UUID, snapshot_id: UUID) -> None:
        """Copy the snapshot beside the machine's directory; `swap` puts the copy in its place."""
        part = self._beside(id, "part")
        remove_tree(part)
        copy_tree(self.snapshot(id, snapshot_id), part)

    def swap(self, id: UUID, record: MachineRecord) -> None:
        """Put the prepared copy in the directory's place. After a kill the next holder of the lock finishes it."""
        self.write_record(id, replace(record, swap=True))
        self._finish_swap(id)

    def remove(self, id: UUID) -> None:
        """Remove everything of the machine; the record last, so that a removal that was cut short is repeated."""
        remove_tree(self.folder / "snapshots" / str(id))
        for path in (self.directory(id), self._beside(id, "part"), self._beside(id, "old")):
            remove_tree(path)
        self._epoch_file(id).unlink(missing_ok=True)
        for suffix in ("json.part", "json"):
            self._beside(id, suffix).unlink(missing_ok=True)

    def _finish_swap(self, id: UUID) -> None:
        record = self.record(id)
        if record is None or not record.swap:
            return
        part, old, directory = self._beside(id, "part"), self._beside(id, "old"), self.directory(id)
        if part.exists():
            remove_tree(old)
            with suppress(FileNotFoundError):
                directory.rename(old)
            part.rename(directory)
        remove_tree(old)
        self.write_record(id, replace(record, swap=False))

    def _beside(self, id: UUID, suffix: str) -> Path:
        return self.folder / f"{id}.{suffix}"


def copy_tree(source: Path, target: Path) -> None:
    """Copy directories, files and links (as links). Sockets, pipes and devices are left out: they have no contents.

    A file that goes away while it is copied is left out too: the machine may be running.
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
    for original, copy in reversed(directories):  # modes last: in a read-only copy no file could be made
        with suppress(FileNotFoundError):
            shutil.copystat(original, copy)


def size_of(tree: Path) -> int:
    """The bytes in the tree's files."""
    return sum(
        entry.stat(follow_symlinks=False).st_size for entry in _walk(tree) if entry.is_file(follow_symlinks=False)
    )


def remove_tree(path: Path) -> None:
    """Remove a tree however deep it is, and whatever was made read-only. Links are not followed.

    `rm` does it, since a tree may be deeper than Python's stack. `OSError` with its message if it fails.
    """
    if not os.path.lexists(path):
        return
    remove = ["rm", "-rf", "--", os.fspath(path)]
    if subprocess.run(remove, capture_output=True).returncode:
        subprocess.run(["chmod", "-R", "u+rwX", "--", os.fspath(path)], capture_output=True)
        result = subprocess.run(remove, capture_output=True, text=True)
        if result.returncode:
            raise OSError(result.stderr.strip())


def _walk(tree: Path) -> Iterator[os.DirEntry[str]]:
    """Every entry below, a directory before its entries. Not recursive: a tree may be deeper than Python's stack."""
    waiting = [os.fspath(tree)]
    while waiting:
        with suppress(FileNotFoundError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)


def _is_same_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
