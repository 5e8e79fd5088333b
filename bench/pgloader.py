"""pgloader: Debian's of version 3, by its own defaults or, where these break off, as its documentation advises; v4."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.contender import ONE_SHOT, Job, Measured
from bench.contender_names import PGLOADER, PGLOADER_4
from bench.peer_program import measured
from bench.processes import FailedError, run_program
from bench.server import MissingProgramError

WORK = "reads the schema, copies, builds primary keys and indexes, sets sequences; checks nothing"
_SMALL_BATCHES = ("prefetch rows = 1000", "batch rows = 1000", "batch size = 5MB")
SMALLER: tuple[tuple[str, ...], ...] = (
    ("prefetch rows = 5000",),
    _SMALL_BATCHES,
    (*_SMALL_BATCHES, "workers = 2", "concurrency = 1"),
    ("prefetch rows = 100", "batch rows = 100", "batch size = 1MB", "workers = 1", "concurrency = 1"),
)
"""What pgloader's documentation has for a heap that is too small, milder ones first.

`--dynamic-space-size` belongs to the Lisp below it, and Debian's build does not hand it on."""


class Pgloader:
    """Debian's pgloader. Where it breaks off, the fastest of the settings in SMALLER with which it does not."""

    name = PGLOADER
    how = ONE_SHOT
    work = WORK

    def __init__(self) -> None:
        found = shutil.which("pgloader")
        if found is None:
            raise MissingProgramError("pgloader is not installed (Debian, Ubuntu: apt-get install pgloader)")
        self._program = found
        self._settings: tuple[str, ...] = ()

    def prepare(self, _job: Job) -> None:
        """Begin with its defaults again."""
        self._settings = ()
        self.work = WORK

    def run(self, job: Job) -> Measured:
        """Load into a database without tables.

        Raises:
            FailedError: it breaks off with every setting; says how with its defaults.
        """
        try:
            return self._load(job, self._settings)
        except FailedError as broken_off:
            if self._settings:
                raise
            return self._try_others(job, broken_off)

    def _try_others(self, job: Job, broken_off: FailedError) -> Measured:
        best: Measured | None = None
        for settings in SMALLER:
            try:
                found = self._load(job, settings)
            except FailedError:
                continue
            if best is None or found.seconds < best.seconds:
                best, self._settings = found, settings
        if best is None:
            tried = "; ".join(", ".join(settings) for settings in SMALLER)
            raise FailedError(f"{broken_off}\nThe same with each of: {tried}") from broken_off
        self.work = f"{WORK}; with {', '.join(self._settings)}: with its defaults it broke off"
        return best

    def _load(self, job: Job, settings: Sequence[str]) -> Measured:
        job.fresh_database()
        options = [word for setting in settings for word in ("--with", setting)]
        arguments = [self._program, "--root-dir", str(job.folder), *options, *_addresses(job)]
        done = measured(job, lambda: run_program(arguments))
        wanted = sum(rows for _, _, rows in job.tables)
        if settings and done.rows != wanted:
            raise FailedError(f"{wanted - done.rows} rows are not there")
        return done


class Pgloader4:
    """Version 4, a file for Java that its releases page has and no package registry."""

    name = PGLOADER_4
    how = ONE_SHOT
    work = WORK

    def __init__(self, jar: Path | None) -> None:
        java = shutil.which("java")
        if jar is None or not jar.exists():
            raise MissingProgramError(
                "pgloader v4 is a .jar that is in no package registry; --pgloader-jar FILE names yours"
            )
        if java is None:
            raise MissingProgramError("there is no java, which pgloader v4 needs (version 21 or later)")
        self._command = (java, "-jar", str(jar.absolute()))

    def prepare(self, job: Job) -> None:
        """Nothing to do."""

    def run(self, job: Job) -> Measured:
        """Load into a database without tables."""
        job.fresh_database()
        arguments = [*self._command, *_addresses(job)]
        return measured(job, lambda: run_program(arguments))


def _addresses(job: Job) -> list[str]:
    """Return source and target as both versions take them."""
    source = job.folder / "source.db"  # pgloader takes the kind of database from the ending
    source.unlink(missing_ok=True)
    source.symlink_to(job.source)
    return [f"sqlite://{source}", f"postgresql://postgres@unix:{job.server.folder}:5432/peer"]
