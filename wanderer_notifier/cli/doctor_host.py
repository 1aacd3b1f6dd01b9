"""What must hold on this machine: room and rights for the data, and a clock that is right."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

from wanderer_notifier.config.sources import exposure
from wanderer_notifier.core.findings import Finding, fail, ok, warn
from wanderer_notifier.state import memory
from wanderer_notifier.state.legacy import LOG, VALUES
from wanderer_notifier.state.legacy_terms import read_log, read_values
from wanderer_notifier.state.store import StoreError
from wanderer_notifier.state.visit import NoDatabase, looking

MIB = 2**20
TOO_LITTLE, LITTLE = 100 * MIB, 1024 * MIB
OFF_S, FAR_OFF_S = 10.0, 120.0
"""Kills are judged by their age, so that a clock two minutes off drops or repeats what it should not."""


def clock(ahead_s: Mapping[str, float | None]) -> Finding:
    """Compare with the clocks of those who answered; most of them are right."""
    known = {name: ahead for name, ahead in ahead_s.items() if ahead is not None}
    if not known:
        return warn("clock", "nobody told the time, so that this machine's clock could not be checked")
    off = median(known.values())
    where = "behind" if off > 0 else "ahead"
    fix = "set the clock by NTP, e.g. `timedatectl set-ntp true`"
    words = f"this machine's clock is {abs(off):.0f} s {where} of {', '.join(sorted(known))}"
    if abs(off) >= FAR_OFF_S:
        return fail("clock", words, fix)
    if abs(off) >= OFF_S:
        return warn("clock", words, fix)
    odd = [f"{name} {ahead:+.0f} s" for name, ahead in sorted(known.items()) if abs(ahead - off) >= OFF_S]
    if odd:
        return warn("clock", f"ours is right, but not that of {', '.join(odd)}", "tell who runs it")
    return ok("clock", "right to within a few seconds")


def disk(free: int, total: int, place: Path) -> Finding:
    """*free* and *total* in bytes, of the file system that holds *place*."""
    words = f"{free / MIB:.0f} MiB free of {total / MIB:.0f} where {place} lies"
    if free < TOO_LITTLE:
        return fail("disk", words, "make room: without it notifications are not stored, and lost by a restart")
    if free < LITTLE and free < total * 0.05:
        return warn("disk", words, "make room soon")
    return ok("disk", words)


def room(data_dir: Path) -> Finding:
    """Ask the file system of *data_dir*, or of the nearest folder that exists."""
    place = next(one for one in (data_dir, *data_dir.parents) if one.exists())
    try:
        usage = shutil.disk_usage(place)
    except OSError as error:
        return warn("disk", f"cannot be asked: {error.strerror}")
    return disk(usage.free, usage.total, place)


def env_file(file: Path) -> list[Finding]:
    """Whether only its owner can read the file of variables; nothing when there is none (deployment checklist 115)."""
    if not file.is_file():
        return []
    if exposed := exposure(file):
        return [warn("env file", exposed, f"chmod 600 {file}")]
    return [ok("env file", f"{file} is nobody else's to read")]


def data_dir(place: Path) -> list[Finding]:
    """Whether the folder of the database is ours to write, and nobody else's to read."""
    check, uid = "data directory", os.geteuid()
    who = f"uid {uid}" + (" (root)" if uid == 0 else "")
    try:
        if not place.is_dir():
            return [_absent(place, who)]
        owner = place.stat()
        with tempfile.NamedTemporaryFile(dir=place, prefix=".doctor-"):
            pass
    except OSError as error:
        return [
            fail(
                check,
                f"{place} cannot be used by {who}: {error.strerror}",
                f"chown -R {uid} {place}, or run as its owner",
            )
        ]
    found: list[Finding] = []
    file = place / "notifier.db"
    foreign = [one for one in sorted(place.glob("notifier.db*")) if one.stat().st_uid != owner.st_uid]
    if uid != owner.st_uid:
        found.append(
            warn(
                check,
                f"{place} belongs to uid {owner.st_uid}, and this is {who}",
                f"run this as uid {owner.st_uid}, as the service does, to check its rights",
            )
        )
    if foreign:
        found.append(
            fail(
                check,
                f"{foreign[0].name} belongs to uid {foreign[0].stat().st_uid}, the folder to uid {owner.st_uid}",
                f"chown -R {owner.st_uid} {place}",
            )
        )
    unwritable = [one for one in sorted(place.glob("notifier.db*")) if not os.access(one, os.R_OK | os.W_OK)]
    if unwritable:
        found.append(fail(check, f"{unwritable[0].name} cannot be written by {who}", f"chown -R {uid} {place}"))
    if owner.st_mode & (stat.S_IROTH | stat.S_IWOTH) and file.exists():
        found.append(warn(check, f"{place} is open to everybody on this machine", f"chmod 700 {place}"))
    exposed = [words for one in sorted(place.iterdir()) if _is_ours(one) and (words := exposure(one))]
    if not found and exposed and owner.st_mode & (stat.S_IXGRP | stat.S_IXOTH):
        found.append(warn(check, exposed[0], f"chmod -R go= {place}"))
    if not unwritable:
        found += [*_database(file), *_mirror(place)]
    return found or [ok(check, f"{place} can be written by {who}")]


def _is_ours(file: Path) -> bool:
    return file.is_file() and (file.name.startswith("notifier.") or file.suffix == ".bin")


def _absent(place: Path, who: str) -> Finding:
    above = next(one for one in place.parents if one.exists())
    if above.is_dir() and not place.exists() and os.access(above, os.W_OK | os.X_OK):
        return ok("data directory", f"{place} does not exist yet and will be made")
    words = (
        f"{place} does not exist and {who} cannot make it in {above}" if not place.exists() else f"{place} is no folder"
    )
    return fail("data directory", words, "create it and give it to the user of the service, or set DATA_DIR")


def _mirror(place: Path) -> list[Finding]:
    """The files in the form of the former program, which backups of old take along."""
    readers: tuple[tuple[str, Callable[[bytes], object]], ...] = ((VALUES, read_values), (LOG, read_log))
    found = []
    for name, read in readers:
        try:
            read((place / name).read_bytes())
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            words = f"{name} cannot be read: {getattr(error, 'strerror', None) or error}"
            fix = "restart the service: it sets the file aside and writes it anew from the database"
            found.append(warn("old files", words, fix))
    return found


def _database(file: Path) -> list[Finding]:
    try:
        with looking(file) as conn:
            memory.get_meta(conn, "first_start")
    except NoDatabase:
        return []
    except StoreError as error:
        words, _, other = str(error).partition(": use ")
        fix = f"use {other}" if other else "restore a backup, or let the service set it aside and begin anew"
        return [fail("database", words, fix)]
    return []
