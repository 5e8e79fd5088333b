"""Sources that are no plain database: dumps that cannot be loaded, compressed files that cannot be unpacked."""

from __future__ import annotations

from migration.errors import SourceError


class SourceDumpError(SourceError):
    """A SQL dump cannot be loaded."""

    code = "source-dump-refused"


class UnfinishedDumpError(SourceDumpError):
    """A SQL dump is cut off, empty, or says of itself that not all could be read."""

    code = "source-dump-unfinished"


class ForeignDumpError(SourceDumpError):
    """A dump of another kind of database."""

    code = "source-dump-foreign"


class SourceCompressionError(SourceError):
    """A compressed file is cut off or damaged, or cannot be unpacked here."""

    code = "source-not-unpacked"


class SourceTooLargeError(SourceError):
    """A source would become larger than it may: unpacked, computed, fetched, or by its definitions."""

    code = "source-too-large"


class SourceTooSlowError(SourceError):
    """Reading a source takes longer than it may: damage that leads in circles, or a definition that computes."""

    code = "source-too-slow"


class SourceProcessError(SourceError):
    """The process that unpacks, salvages or computes a source has died of it."""

    code = "source-process-died"
