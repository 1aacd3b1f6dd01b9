"""One process at a time: a lock on a file that the kernel lets go of when its holder dies, however it dies."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
from pathlib import Path

from wanderer_notifier.state.store import StoreError, Unusable, whose

LOCK_NAME = "notifier.lock"
NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}


class Taken(StoreError):
    """Another process holds the lock; the words name it as far as it said who it is."""


class Lock:
    """A held lock on *path*; ends with `release`, with the block it is used in, or with the process."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, path: Path) -> Lock:
        """Take the lock on *path*, made if need be, without waiting.

        Raises `Taken`, or `Unusable` where no such file can be made or locked.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unusable(f"cannot make the lock {path}: {error.strerror or error}{whose(path)}") from error
        with contextlib.ExitStack() as undo:
            undo.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "which did not say who it is"
                raise Taken(f"{path} is held by another process: {holder}") from error
            except OSError as error:
                why = "the file system has no locks" if error.errno in NO_LOCKS else error.strerror
                raise Unusable(f"cannot lock {path}: {why}; a local file system can") from error
            with contextlib.suppress(OSError):  # who we are is for people; a full disk must not stop us here
                _belong(descriptor, path.parent)
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"pid {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
            undo.pop_all()
        return cls(path, descriptor)

    def release(self) -> None:
        """Let go; the file stays, since removing it would let two processes lock two files of one name."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _belong(descriptor: int, folder: Path) -> None:
    """What an operator makes as root must stay usable for the service, whose directory it is."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
