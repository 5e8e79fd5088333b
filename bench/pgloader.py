"""pgloader: Debian's of version 3, by its own defaults or, where these break off, as its documentation advises; v4."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.contender import ONE_SHOT, Job, Measured
from bench.contender_names import PGLOADER, PGLOADER_4
from bench.peer_program import measured
from bench.processes import FailedError, last_line, run_program
from bench.server import MissingProgramError

WORK = "reads the schema, copies, builds primary keys and indexes, sets sequences; checks nothing"
_DEFAULT_SECONDS = 300.0
_PATIENCE_SECONDS = 5.0
SMALLER: tuple[tuple[str, ...], ...] = (
    ("prefetch rows = 5000",),
    ("prefetch rows = 1000", "batch rows = 1000", "batch size = 5MB", "workers = 2", "concurrency = 1"),
)
"""What pgloader's documentation has for a heap that is too small, milder ones first. With one worker 3.6.7 hangs.

`--dynamic-space-size` belongs to the Lisp below it, and Debian's build takes the option without a word or an effect."""


class Pgloader:
    """Debian's pgloader by its defaults; where it breaks off or loses rows, as fast as it comes through otherwise.

    Then it is given the casts of the data set, and each of the settings in SMALLER in turn.
    """

    name = PGLOADER
    how = ONE_SHOT
    fills_typed_tables = False
    work = WORK

    def __init__(self) -> None:
        found = shutil.which("pgloader")
        if found is None:
            raise MissingProgramError("pgloader is not installed (Debian, Ubuntu: apt-get install pgloader)")
        self._program = found
        self._options: tuple[str, ...] = ()
        self._note = ""

    def prepare(self, _job: Job) -> None:
        """Begin with its defaults again."""
        self._options, self._note = (), ""

    def run(self, job: Job) -> Measured:
        """Load into a database without tables.

        Raises:
            FailedError: it breaks off or loses rows, whatever it is told.
        """
        try:
            return self._load(job, self._options, _DEFAULT_SECONDS)
        except FailedError as with_defaults:
            if self._options:
                raise
            return self._try_others(job, with_defaults)

    def _try_others(self, job: Job, with_defaults: FailedError) -> Measured:
        best: Measured | None = None
        why = with_defaults
        for options in option_sets(job.data.pgloader_casts):
            try:
                most = _DEFAULT_SECONDS if best is None else 2 * best.seconds + _PATIENCE_SECONDS
                found = self._load(job, options, most)
            except FailedError as failed:
                why = failed
                continue
            if best is None or found.seconds < best.seconds:
                best, self._options = found, options
        if best is None:
            raise FailedError(f"With its defaults, and with all that it was told:\n{why}") from with_defaults
        told = " ".join(f"'{word}'" if " " in word else word for word in self._options)
        self._note = f"with {told}, since by its defaults: {last_line(with_defaults)}"
        return replace(best, note=self._note)

    def _load(self, job: Job, options: Sequence[str], most_seconds: float) -> Measured:
        job.fresh_database()
        arguments = [self._program, "--root-dir", str(job.folder), *options, *_addresses(job)]
        done = measured(job, lambda: run_program(arguments, most_seconds=most_seconds))
        wanted = sum(rows for _, _, rows in job.tables)
        if done.rows != wanted:
            raise FailedError(f"{wanted - done.rows:,} of {wanted:,} rows did not arrive")
        return replace(done, note=self._note)


def option_sets(casts: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the options to try after the defaults: the casts, and the casts with each of SMALLER."""
    told = tuple(word for cast in casts for word in ("--cast", cast))
    smaller = [tuple(word for setting in settings for word in ("--with", setting)) for settings in SMALLER]
    return ([told] if told else []) + [(*told, *settings) for settings in smaller]


class Pgloader4:
    """Version 4, a file for Java that its releases page has and no package registry."""

    name = PGLOADER_4
    how = ONE_SHOT
    fills_typed_tables = False
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
