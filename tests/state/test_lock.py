"""One process at a time with one data directory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wanderer_notifier.state.lock import Lock, Taken
from wanderer_notifier.state.store import Unusable

HOLD = """
import sys, pathlib
from wanderer_notifier.state.lock import Lock
held = Lock.take(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_taker_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    ours = rf"held by another process: pid {os.getpid()} on "
    with Lock.take(tmp_path / "data" / "notifier.lock") as lock, pytest.raises(Taken, match=ours):
        Lock.take(lock.path)
    with Lock.take(tmp_path / "data" / "notifier.lock"):
        pass
    assert lock.path.stat().st_mode & 0o777 == 0o600


def test_the_lock_of_a_process_that_is_killed_is_free_at_once(tmp_path: Path) -> None:
    path = tmp_path / "notifier.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Taken, match=f"pid {holder.pid} on "):
            Lock.take(path)
        holder.kill()
        holder.wait()
        Lock.take(path).release()


def test_where_no_lock_can_be_made_is_said_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unusable, match=r"cannot make the lock .*we are uid \d+"):
        Lock.take(tmp_path / "file" / "notifier.lock")
