"""Every error that Convoy raises on purpose, each class with a stable code.

docs/errors.md lists the codes with what each means and what to do; a test holds list and classes together. A class
stands for what a program may want to tell apart; one without a case of its own is a base that others share.
"""

from __future__ import annotations

from migration.convoy_error import ConvoyError
from migration.exit_status import ExitStatus


class UsageError(ConvoyError):
    """The command or request asks for something that does not exist or does not make sense."""

    code = "wrong-usage"
    exit_status = ExitStatus.UNUSABLE_INPUT


class SettingError(UsageError):
    """A setting of the environment, of .env or of this process is missing or makes no sense."""

    code = "setting-invalid"


class TargetUrlError(UsageError):
    """The target's URL cannot be read."""

    code = "target-url-invalid"


class EmbeddedDatabaseError(UsageError):
    """No embedded server has been used here yet, or it has no such database, so there is nothing to look at."""

    code = "embedded-database-missing"


class MappingFileError(UsageError):
    """The mapping file cannot be read, or asks for what the schema does not allow."""

    code = "mapping-file-invalid"


class OutputFileError(UsageError):
    """A file that the command is to write cannot be written, or stands there already."""

    code = "output-file-refused"


class UnknownRunError(UsageError):
    """The ledger knows no run of this id, or several."""

    code = "run-unknown"


class RunStateError(UsageError):
    """The run is in no state for what is asked of it."""

    code = "run-state-conflict"


class UnknownTableError(UsageError):
    """No source has a table of this name."""

    code = "table-unknown"


class UnknownLossError(UsageError):
    """`--accept` names a loss, a kind of object or a column that there is not."""

    code = "loss-unknown"


class NameConflictError(UsageError):
    """Two sources would become one table."""

    code = "names-collide"


class ApplicationTableError(UsageError):
    """The rows do not fit into the tables that the application has made."""

    code = "application-tables-differ"


class OtherClusterError(UsageError):
    """The cluster on this broker writes to another target."""

    code = "cluster-of-another-target"


class SourceError(ConvoyError):
    """The SQLite database cannot be used; nothing was changed."""

    code = "source-unusable"
    exit_status = ExitStatus.UNUSABLE_INPUT


class SourceNotFoundError(SourceError):
    """There is no such file."""

    code = "source-not-found"


class NotADatabaseError(SourceError):
    """The file is not a SQLite database."""

    code = "source-not-a-database"


class SourceEncryptedError(NotADatabaseError):
    """The file looks like random bytes: it is encrypted, or no SQLite database at all."""

    code = "source-encrypted"


class SourceCorruptError(SourceError):
    """SQLite's own check found damage."""

    code = "source-corrupt"


class SourceUnreadableError(SourceError):
    """The file is there and cannot be read: a directory, a device, a disk that fails."""

    code = "source-unreadable"


class SourcePermissionError(SourceUnreadableError):
    """The user of this process may not read the file."""

    code = "source-permission-denied"


class SourceLockedError(SourceUnreadableError):
    """Somebody writes to the database all the time."""

    code = "source-locked"


class SourceFetchError(SourceUnreadableError):
    """A source that a URL names cannot be fetched."""

    code = "source-not-fetched"


class SnapshotError(SourceUnreadableError):
    """The frozen copy of a source cannot be written."""

    code = "snapshot-not-written"


class SnapshotLostError(SnapshotError):
    """The frozen copy of a source is gone."""

    code = "snapshot-lost"


class SnapshotChangedError(SnapshotLostError):
    """The frozen copy of a source is not what was frozen: nothing that was read of it counts."""

    code = "snapshot-changed"


class TargetError(ConvoyError):
    """PostgreSQL cannot be used for this run; nothing was changed."""

    code = "target-unusable"
    exit_status = ExitStatus.UNUSABLE_INPUT


class TargetUnreachableError(TargetError):
    """No connection: wrong host or port, or no server there."""

    code = "target-unreachable"


class TargetSettingError(TargetUnreachableError):
    """This server knows no target, or its setting cannot be read."""

    code = "target-setting-invalid"


class TargetLoginError(TargetUnreachableError):
    """PostgreSQL refused the user, the password or the host."""

    code = "target-login-refused"


class TargetDatabaseMissingError(TargetUnreachableError):
    """The server has no database or role of that name."""

    code = "target-database-missing"


class TargetPermissionError(TargetError):
    """The role lacks a right that the run needs."""

    code = "target-permission-denied"


class TargetOccupiedError(TargetError):
    """A table of that name already stands in the target schema."""

    code = "target-occupied"


class TargetVersionError(TargetError):
    """The server is older than Convoy supports."""

    code = "target-too-old"


class TargetReadOnlyError(TargetError):
    """The server takes no writes: a standby, or a database set to read only."""

    code = "target-read-only"


class TargetEncodingError(TargetError):
    """The database is not in UTF-8."""

    code = "target-encoding"


class TargetPoolerError(TargetError):
    """A pooler before the server lets other clients see what is set and locked in a session."""

    code = "target-pooler"


class TargetChangedError(TargetError):
    """Tables of a finished run have been changed, dropped or put to use since."""

    code = "target-changed"


class BrokerError(ConvoyError):
    """The message broker cannot be reached."""

    code = "broker-unreachable"
    exit_status = ExitStatus.UNUSABLE_INPUT


class BrokerSettingError(BrokerError):
    """No broker is named, or its URL cannot be read."""

    code = "broker-setting-invalid"


class LocalClusterError(ConvoyError):
    """A server or process that Convoy starts for one command cannot start, or has died."""

    code = "local-cluster-failed"


class EmbeddedMissingError(LocalClusterError):
    """The packages of the embedded servers are not installed."""

    code = "embedded-not-installed"
    exit_status = ExitStatus.UNUSABLE_INPUT


class ReportNotWrittenError(ConvoyError):
    """The run is at its end, and its report cannot be written."""

    code = "report-not-written"


class RunFailedError(ConvoyError):
    """A run ended without its proof, for a reason that stands in its text alone."""

    code = "run-failed"


class InterruptedRunError(ConvoyError):
    """The run was stopped from outside: by a user, or because its local cluster broke down."""

    code = "run-interrupted"


class CommandInterruptedError(ConvoyError):
    """The command was interrupted by Ctrl-C or SIGTERM."""

    code = "interrupted"
    exit_status = ExitStatus.INTERRUPTED


class RetryableError(ConvoyError):
    """A step failed for a reason that may pass: lost connection, deadlock, server restart."""

    code = "try-again"


class ConnectionLostError(RetryableError):
    """The connection to PostgreSQL broke, or the server is being restarted."""

    code = "connection-lost"


class ServerAwayError(ConnectionLostError):
    """The server is shut down, restarts, or has ended the session: no fault of what was being done."""

    code = "server-away"


class TargetBusyError(RetryableError):
    """PostgreSQL has no connection, memory or lock to spare at the moment."""

    code = "target-busy"


class StageUnreachableError(RetryableError):
    """The stage, from which hosts that share no disk get their snapshots, does not answer: no fault of a step."""

    code = "stage-unreachable"


class SnapshotFetchError(RetryableError):
    """A snapshot cannot be brought to this host whole: other bytes came, or there is no room for them."""

    code = "snapshot-not-fetched"


class TransitionLostError(RetryableError):
    """Another process has moved, stopped or ended the run meanwhile; this one's work was rolled back."""

    code = "transition-lost"


class PermanentError(ConvoyError):
    """A step failed for a reason that will not pass by itself."""

    code = "step-failed"


class UnexpectedClassError(PermanentError):
    """A column holds values of a storage class that it was not read for."""

    code = "profile-differs"


class RejectedValueError(PermanentError):
    """A value cannot be stored faithfully, and the user asked to stop at the first one."""

    code = "value-rejected"


class AmbiguousKeyError(PermanentError):
    """The key of a quarantined row names several rows, so none of them can be tried again."""

    code = "key-ambiguous"


class UnsupportedTypeError(PermanentError):
    """A column was given a PostgreSQL type that Convoy cannot move values into."""

    code = "type-unsupported"


class DiskError(PermanentError):
    """A disk fails: the server's, or the one of the worker's folder for temporary files."""

    code = "disk-failed"


class TargetRefusedError(PermanentError):
    """PostgreSQL refused a statement for a reason that has no code of its own."""

    code = "target-refused"


class TargetLimitError(TargetRefusedError):
    """A limit that the server, the database or the role has set is met: temporary files, depth, connections."""

    code = "target-limit"


class RowsChangedError(PermanentError):
    """A trigger, rule or policy of the target drops or changes rows on their way in."""

    code = "rows-changed-by-target"


class NotEqualError(PermanentError):
    """Source and target differ, so nothing was put in place."""

    code = "not-equal"


class WorkerDiedError(PermanentError):
    """The worker of a step died as often as a step may be tried."""

    code = "worker-died"


class InternalError(PermanentError):
    """Convoy contradicts itself; nothing was put in place."""

    code = "internal-error"
