"""The model of docs/scaling.md: how long a migration takes, and what is full first."""

from __future__ import annotations

from dataclasses import dataclass

from migration.source.row_reading.chunk_size import automatic_chunk_bytes

WORKERS = (1, 8, 64, 512)
SERVER_CORES = (2, 16, 64)
SIZES_MB = {"1 GB": 1e3, "1 TB": 1e6, "100 TB": 1e8}
NETWORK_MB_PER_SECOND = 1_000.0
"""Of a 10 Gbit/s link of the server, less what protocols take."""


@dataclass(frozen=True, slots=True)
class Coefficients:
    """CPU seconds, per megabyte of SQLite and per chunk; network bytes for each byte of SQLite."""

    worker_per_mb: float
    server_per_mb: float
    worker_per_chunk: float
    server_per_chunk: float
    snapshot_per_mb: float
    producer_per_chunk: float
    network_bytes: float


def estimate(c: Coefficients, megabytes: float, workers: int, cores: int) -> dict[str, float]:
    """Return the seconds that each resource is busy; the longest one is the least that a run takes.

    The snapshot comes before all else, so that its time is added to that of the others.
    """
    source_bytes = round(megabytes * 1e6)
    chunks = max(1.0, source_bytes / automatic_chunk_bytes(source_bytes, workers))
    return {
        "workers": (c.worker_per_mb * megabytes + c.worker_per_chunk * chunks) / workers,
        "server CPU": (c.server_per_mb * megabytes + c.server_per_chunk * chunks) / cores,
        "network": c.network_bytes * megabytes / NETWORK_MB_PER_SECOND,
        "producer": c.producer_per_chunk * chunks,
        "snapshot": c.snapshot_per_mb * megabytes,
    }


def print_model(c: Coefficients) -> None:
    """Print a table in Markdown: time and what is full first, for each size, server and number of workers."""
    print(f"| size | server cores | {' | '.join(f'{workers} workers' for workers in WORKERS)} |")
    print(f"|---|---|{'---|' * len(WORKERS)}")
    for size, megabytes in SIZES_MB.items():
        for cores in SERVER_CORES:
            cells = []
            for workers in WORKERS:
                busy = estimate(c, megabytes, workers, cores)
                snapshot = busy.pop("snapshot")
                fullest = max(busy, key=lambda name: busy[name])
                cells.append(
                    f"{_time(snapshot + busy[fullest])}, {fullest if busy[fullest] > snapshot else 'snapshot'}"
                )
            print(f"| {size} | {cores} | {' | '.join(cells)} |")


def _time(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
