"""private files, disk, open files, clock: what the machine gives us."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from clauditor.setup.doctor.checks.words import count, short, size
from clauditor.setup.doctor.facts import Facts
from clauditor.setup.doctor.finding import Check, Finding, Unseen, note, ok, problem
from clauditor.text import clean

FREE_LITTLE_BYTES = 512 << 20  # the history's own limit
FREE_NONE_BYTES = 64 << 20  # one write-ahead log
FILES_LITTLE = 4096  # about a thousand streams at once: two connections and a copy each
FILES_NONE = 512
LOOK_AHEAD_SECONDS = 60.0  # a file may be younger than `now` by the time the checks took, and a little


def private_files(facts: Facts) -> Finding:
    found = facts.files
    if isinstance(found, Unseen):
        return found.finding()
    for one in found:
        path = short(one.path, facts.home)
        if one.is_link:
            return problem(f"{path} is a symbolic link", "remove the link; Clauditor uses nothing behind one")
        if not one.is_ours:
            return problem(f"{path} belongs to another user", "give a --data-dir of your own")
        if one.mode & 0o077:
            return problem(f"{path} is open to others (mode {one.mode:04o})", f"chmod go= {path}")
    if not found:
        return ok("none yet")
    return ok(
        f"{count(len(found), 'directory, socket and secret', 'directories, sockets and secrets')} closed to others"
    )


def disk(facts: Facts) -> Finding:
    found = facts.disk
    if isinstance(found, Unseen):
        return found.finding()
    path = short(found.data_dir, facts.home)
    used = "no data yet" if found.used_bytes is None else f"{size(found.used_bytes)} used"
    text = f"{path}: {used}, {size(found.free_bytes)} free"
    if found.is_read_only:
        return problem(
            f"{path} cannot be written to; traffic goes on, nothing is kept",
            "make it writable, or give another --data-dir",
        )
    if found.free_bytes < FREE_NONE_BYTES or not found.has_inodes:
        what = text if found.has_inodes else f"{path}: the file system takes no further file"
        return problem(
            f"{what}; traffic goes on, nothing is kept", "make room; recording goes on by itself then"
        )
    if found.free_bytes < FREE_LITTLE_BYTES:
        return note(
            f"{text}: little", "make room, or keep less: max_megabytes under [retention] in config.toml"
        )
    return ok(text)


def open_files(facts: Facts) -> Finding:
    found = facts.limits
    if isinstance(found, Unseen):
        return found.finding()
    limits = {**found.soft} or {"the next start": found.hard}
    text = ", ".join(
        f"{name} {'no limit' if limit is None else f'{limit:,}'}" for name, limit in limits.items()
    )
    lowest = min((limit for limit in limits.values() if limit is not None), default=None)
    raise_it = "raise it (ulimit -Hn, or LimitNOFILE of the service), then: clauditor down and up"
    if lowest is not None and lowest < FILES_NONE:
        return problem(f"{text}: too few for many sessions", raise_it)
    if lowest is not None and lowest < FILES_LITTLE:
        return note(f"{text}: room for about {lowest // 4} streams at once", raise_it)
    return ok(text)


def clock(facts: Facts) -> Finding:
    found = facts.clock
    if isinstance(found, Unseen):
        return found.finding()
    text = f"{datetime.fromtimestamp(facts.now, UTC):%Y-%m-%d %H:%M} UTC, zone {clean(found.zone)}"
    # A day of grace: the release was somewhere on earth, and this is no clock-maker.
    released = datetime.combine(facts.known.as_of, time(), UTC) - timedelta(days=1)
    if facts.now < released.timestamp():
        return problem(
            f"{text}: before this Clauditor was made, certificates will not be valid yet", "set the clock"
        )
    ahead = (found.newest_file_at or 0.0) - facts.now
    if ahead > LOOK_AHEAD_SECONDS:
        return note(
            f"{text}; files of the data directory are {timedelta(seconds=round(ahead))} younger than now: it was set back"
        )
    return ok(text)


PRIVATE_FILES = Check(name="private files", topic="machine", check=private_files)
DISK = Check(name="disk", topic="machine", check=disk)
OPEN_FILES = Check(name="open files", topic="machine", check=open_files)
CLOCK = Check(name="clock", topic="machine", check=clock)
