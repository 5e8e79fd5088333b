"""The public surface, frozen: whatever programs, scripts and dashboards of others may rely on, as plain lists.

A change of any of them shows in review. Add what is new; take away or rename only what a major version may.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from api.app import create_app
from api.ledger_metrics import LEDGER_METRICS
from migration.error_record import error_classes
from migration.exit_status import ExitStatus
from migration.ledger.event_names import EventName
from migration.report.report_json_schema import schema_document
from migration.report.report_model import REPORT_VERSION
from migration.settings import Settings
from producer.cli.app import COMMANDS, commands
from tests.support.api import api_settings

PAGES = ("/", "/docs")

COMMAND_LINES = """
migration-cli: --mode --version
migrate: --accept --app --batch-size --catalog --chunk-rows --cutover-lock-timeout --cutover-patience
    --cutover-window --data-only --drop-dependents --dry-run --exclude --fire-triggers --hold
    --identifiers --if-exists --ignore --ignore-version --json --mapping --max-workers --no-data-only
    --on-conflict --on-error --on-orphan --priority --report --salvage --schema-per-source
    --skip-validation --source --source-timezone --tables --target-db --target-host --target-pass
    --target-port --target-schema --target-url --target-user --verbose --workers
dry-run: --accept --app --batch-size --catalog --chunk-rows --cutover-lock-timeout --cutover-patience
    --cutover-window --data-only --drop-dependents --exclude --fire-triggers --hold --identifiers
    --if-exists --ignore --ignore-version --json --mapping --max-workers --no-data-only --on-conflict
    --on-error --on-orphan --priority --report --salvage --schema-per-source --source --source-timezone
    --tables --target-db --target-host --target-pass --target-port --target-schema --target-url
    --target-user --verbose --workers --write-mapping
validate: --accept --app --batch-size --catalog --chunk-rows --cutover-lock-timeout --cutover-patience
    --cutover-window --data-only --drop-dependents --exclude --fire-triggers --hold --identifiers
    --if-exists --ignore --ignore-version --json --mapping --max-workers --no-data-only --on-conflict
    --on-error --priority --report --salvage --schema-per-source --source --source-timezone --tables
    --target-db --target-host --target-pass --target-port --target-schema --target-url --target-user
    --verbose --workers
resume: --json --report --target-db --target-host --target-pass --target-port --target-url --target-user
    --verbose --workers RUN
cutover: --cutover-lock-timeout --cutover-patience --cutover-window --json --report --target-db
    --target-host --target-pass --target-port --target-url --target-user --verbose --workers RUN
rollback: --cutover-lock-timeout --cutover-patience --export --force --json --report --target-db
    --target-host --target-pass --target-port --target-url --target-user --verbose RUN
pause: --target-db --target-host --target-pass --target-port --target-url --target-user --verbose RUN
cancel: --target-db --target-host --target-pass --target-port --target-url --target-user --verbose RUN
quarantine:
quarantine list: --after --json --limit --table --target-db --target-host --target-pass --target-port
    --target-url --target-user --verbose RUN
quarantine export: --table --target-db --target-host --target-pass --target-port --target-url
    --target-user --verbose FILE RUN
quarantine retry: --json --mapping --report --target-db --target-host --target-pass --target-port
    --target-url --target-user --verbose RUN
status: --follow --json --limit --target-db --target-host --target-pass --target-port --target-url
    --target-user --verbose RUN
purge: --json --target-db --target-host --target-pass --target-port --target-url --target-user --verbose
    --yes RUN
cleanup: --json --target-db --target-host --target-pass --target-port --target-url --target-user --verbose
    --with-replaced --yes
token:
token create: --expires-days --json --scope --target-db --target-host --target-pass --target-port --target-url
    --target-user --verbose NAME
token list: --all --json --target-db --target-host --target-pass --target-port --target-url --target-user --verbose
token revoke: --json --target-db --target-host --target-pass --target-port --target-url --target-user --verbose NAME
verify-report: --json --public-key FOLDER
apps: --json --verbose NAME
list-tables: --json --source --verbose
doctor: --json --target-db --target-host --target-pass --target-port --target-schema --target-url
    --target-user --verbose
config: --json --verbose
completion: SHELL
up: --target-db --target-host --target-pass --target-port --target-url --target-user --verbose --workers
psql: --target-db ARGUMENTS
"""

EXIT_STATUSES = """
0 PROVED
1 FINDINGS
2 UNUSABLE_INPUT
3 FAILED
130 INTERRUPTED
"""

REPORT_KEYS = """
ActReport: act at person host convoy_version data
ColumnReport: name declared target_type reason transforms target widened nulls stored
DryRunReport: estimated_seconds estimated_disk_bytes would_load would_quarantine chunks ddl
ErrorReport: code message what remedy details exit_status next_steps run phase step setting mapping source
    file process broker database server schema table chunk key column object_kind object
EvidenceReport: convoy_version digest_algorithm operator client_host server mapping_file mapping_sha256
    application application_sha256 options accepted_losses cut_over rolled_back acts
FailedStep: phase table chunk attempts worker error
FindingKind: changed_at_cutover check child_rows collation conservation damaged_range default
    differing_row digest_mismatch domain dropped_object extra_column extra_constraint extra_index
    extra_row extra_table extra_trigger first_write_fails foreign_key foreign_key_action
    foreign_key_not_valid generated hidden_rows identity index index_collation index_expression
    index_invalid index_method index_operators index_partial key_deferrable lossy_value missing_column
    missing_constraint missing_row missing_table not_checked not_null orphan_rows owner owner_rights
    partition_bounds primary_key public_grant relation_kind row_count row_security schema_not_compared
    schema_only_built sequence sequence_end sequence_unnamed skipped_object trigger_fired type_mismatch
    type_narrower type_other type_stricter type_wider unique unique_nulls unlogged view
FindingReport: kind table message column key is_error loss accepted_by part weight
FindingWeight: advice difference ignored
Mode: dry-run migrate validate
NextStep: purpose command
ObjectReport: kind name state reason owner
ObjectScore: kind created changed skipped
ObjectState: changed created skipped
OptionsReport: tables exclude identifiers source_timezone if_exists on_conflict drop_dependents data_only
    fire_triggers ignore_version schema_per_source skip_validation batch_rows chunk_rows workers on_orphan
    accept accepted_by ignore
PartReport: part state checked differing advice ignored
PartState: differs equal not_checked
Phase: cancelled completed completed_with_findings copying cutting_over failed indexing pending profiling
    ready rolled_back snapshotting validating
PhaseReport: name seconds
PhaseSpan: name start end
QuarantineReport: total values by_reason sample
QuarantineSample: source table key column storage_class original original_hex original_bytes reason
Recommendation: urgency title detail commands
Report: run_id status mode verdict exit_status sources target tables objects findings quarantine phases
    throughput recommendations created_at started_at finished_at seconds findings_total accepted timeline
    options evidence retries error error_details failed_steps dry_run staging_schema previous_schemas
    resume_command next_steps object_scores stubs stubs_file report_version
ServerReport: system_identifier version database
SourceReport: label path sha256 bytes
StorageClass: blob integer null real text
StubReport: kind name owner reason source_sql draft
TableReport: source name target rows_source rows_loaded rows_quarantined rows_target bytes seconds
    digest_source digest_target equal columns target_schema target_table conserved has_key chunks
    chunks_done worker_seconds schema_checked
TargetReport: url schema server_version
Throughput: rows_per_s bytes_per_s
Timeline: phases work
TransformReport: name values
Urgency: may must should
Verdict: level headline detail rows values schema
VerdictLevel: attention failed neutral proved
VerdictPart: rows schema values
WorkSpan: worker phase start end steps tables failed
"""

HTTP_PATHS = """
GET /
GET /docs
GET /healthz
GET /readyz
GET /metrics
GET /api/v1/token
GET /api/v1/cluster
GET /api/v1/migration/tables
GET /api/v1/migration/schema/{table}
GET /api/v1/migration/snapshots/{sha256}
GET /api/v1/sources
POST /api/v1/migration/start
POST /api/v1/migration/dry-run
POST /api/v1/migration/validate
GET /api/v1/migration
GET /api/v1/migration/{id}/status
GET /api/v1/migration/{id}/summary
GET /api/v1/migration/{id}/report.html
POST /api/v1/migration/{id}/rollback
POST /api/v1/migration/{id}/cancel
POST /api/v1/migration/{id}/pause
POST /api/v1/migration/{id}/resume
POST /api/v1/migration/{id}/cutover
GET /api/v1/migration/{id}/findings
GET /api/v1/migration/{id}/quarantine
GET /api/v1/migration/{id}/chunk-map
GET /api/v1/migration/{id}/chunks
GET /api/v1/migration/{id}/throughput
GET /api/v1/migration/{id}/quarantine-groups
GET /api/v1/migration/{id}/events
"""

ERROR_CODES = """
application-profile-invalid
application-tables-differ
application-unknown
application-versions-differ
broker-setting-invalid
broker-unreachable
cluster-of-another-target
connection-lost
cutover-blocked
cutover-patience-over
digest-by-another-version
disk-failed
disk-full
embedded-database-missing
embedded-folder-unusable
embedded-not-installed
folder-not-writable
internal-error
interrupted
key-ambiguous
ledger-too-new
local-cluster-failed
loss-unknown
mapping-file-invalid
names-collide
not-equal
output-file-refused
profile-differs
report-not-written
report-unusable
rows-changed-by-target
rows-conflict
run-failed
run-interrupted
run-purged
run-state-conflict
run-unknown
server-away
setting-invalid
signing-key-invalid
snapshot-changed
snapshot-disk-full
snapshot-lost
snapshot-not-fetched
snapshot-not-written
source-corrupt
source-dump-foreign
source-dump-refused
source-dump-unfinished
source-encrypted
source-locked
source-not-a-database
source-not-fetched
source-not-found
source-not-unpacked
source-permission-denied
source-process-died
source-too-large
source-too-slow
source-unreadable
source-unusable
stage-unreachable
staging-changed
step-failed
table-unknown
tables-gone
target-busy
target-changed
target-database-missing
target-encoding
target-login-refused
target-objects-in-the-way
target-occupied
target-permission-denied
target-pooler
target-read-only
target-refused
target-setting-invalid
target-too-few-locks
target-too-old
target-unreachable
target-unusable
target-url-invalid
temporary-disk-full
token-name-refused
token-unknown
transition-lost
try-again
type-unsupported
unexpected-error
value-rejected
worker-died
written-since-cutover
wrong-usage
"""

EVENT_NAMES = """
phase
planned
sent
resend
step_failed
worker_stopped
waiting
failed
paused
resume
cutover
retry
act
dry_run
"""

METRIC_NAMES = """
counter convoy_rows_copied_total
counter convoy_bytes_copied_total
counter convoy_rows_verified_total
counter convoy_rows_quarantined_total
counter convoy_values_quarantined_total reason
counter convoy_validation_findings_total kind
histogram convoy_step_seconds phase
histogram convoy_step_queue_seconds phase
counter convoy_step_attempts_failed_total phase
counter convoy_steps_failed_total phase
counter convoy_step_leases_expired_total phase
counter convoy_step_messages_lost_total phase
counter convoy_workers_stopped_total
counter convoy_runs_started_total
counter convoy_runs_ended_total phase
gauge convoy_runs phase
gauge convoy_open_steps queue state
gauge convoy_progress_age_seconds
gauge convoy_producers_alive
gauge convoy_workers_alive
gauge convoy_disk_full disk
gauge convoy_build_info version ledger
gauge convoy_rows_copied
gauge convoy_rows_quarantined
gauge convoy_bytes_copied
gauge convoy_findings
"""

SETTING_NAMES = """
MIGRATION_BROKER_URL
MIGRATION_TARGET_URL
MIGRATION_TARGET_PASSWORD
MIGRATION_SOURCE_URLS
MIGRATION_SOURCE_ROOT
MIGRATION_SOURCE_SECONDS
MIGRATION_SOURCE_MEMORY_BYTES
MIGRATION_SOURCE_COMPUTED_BYTES
MIGRATION_SOURCE_UNPACKED_BYTES
MIGRATION_SOURCE_FETCHED_BYTES
MIGRATION_SOURCE_SCHEMA_BYTES
MIGRATION_STATE_DIR
MIGRATION_SNAPSHOT_DIR
MIGRATION_SNAPSHOT_RETENTION_HOURS
MIGRATION_STAGE_URL
MIGRATION_STAGE_CACHE_BYTES
MIGRATION_EMBEDDED_DIR
MIGRATION_REPORT_DIR
MIGRATION_LOG_DIR
MIGRATION_SIGNING_KEY
MIGRATION_BROKER_URL_FILE
MIGRATION_TARGET_URL_FILE
MIGRATION_TARGET_PASSWORD_FILE
MIGRATION_SIGNING_KEY_FILE
MIGRATION_SOURCE_URLS_FILE
MIGRATION_API_TOKEN_FILE
MIGRATION_API_TOKEN
MIGRATION_API_HOST
MIGRATION_API_PORT
MIGRATION_FLOWER_URL
MIGRATION_LEASE_SECONDS
MIGRATION_WATCHDOG_SECONDS
MIGRATION_SILENCE_SECONDS
MIGRATION_MAX_ATTEMPTS
MIGRATION_SOFT_TIME_LIMIT_SECONDS
MIGRATION_HARD_TIME_LIMIT_SECONDS
MIGRATION_VISIBILITY_TIMEOUT_SECONDS
MIGRATION_LOG_LEVEL
MIGRATION_LOG_FORMAT
MIGRATION_OTLP_ENDPOINT
"""


def surface_of(name: str, command: click.Command) -> Iterator[str]:
    """Each command as a line: its words, then its flags and arguments in alphabetical order."""
    words: list[str] = []
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            words += [*parameter.opts, *parameter.secondary_opts]
        else:
            words.append(str(parameter.name).upper())
    yield " ".join([f"{name}:", *sorted(words)])
    if isinstance(command, click.Group) and name != "migration-cli":
        for below, found in command.commands.items():
            yield from surface_of(f"{name} {below}", found)


def all_commands() -> list[str]:
    lines = list(surface_of("migration-cli", commands))
    for name in COMMANDS:
        found = commands.get_command(click.Context(commands), name)
        assert found is not None
        lines += surface_of(name, found)
    return lines


def report_keys() -> list[str]:
    records: dict[str, Any] = json.loads(schema_document())["$defs"]
    return [
        " ".join([f"{name}:", *record.get("properties", record.get("enum", ()))])
        for name, record in records.items()
    ]


def http_routes(folder: Path) -> list[str]:
    """The pages for people, which OpenAPI leaves out, and each method of each path of the API."""
    described = create_app(api_settings(folder)).openapi()["paths"]
    return [
        *(f"GET {path}" for path in PAGES),
        *(f"{m.upper()} {path}" for path in described for m in described[path]),
    ]


def listed(text: str) -> list[str]:
    """The lines of a list; one that is indented belongs to the line before it."""
    return text.strip().replace("\n    ", " ").splitlines()


def test_commands_flags_and_arguments() -> None:
    assert all_commands() == listed(COMMAND_LINES)


def test_exit_statuses() -> None:
    assert [f"{status.value} {status.name}" for status in ExitStatus] == listed(EXIT_STATUSES)


def test_keys_and_values_of_report_json() -> None:
    assert report_keys() == listed(REPORT_KEYS)
    assert REPORT_VERSION == 1


def test_http_paths(tmp_path: Path) -> None:
    assert http_routes(tmp_path) == listed(HTTP_PATHS)


def test_codes_of_errors() -> None:
    assert sorted(error.code for error in error_classes()) == listed(ERROR_CODES)


def test_names_of_events() -> None:
    assert [event.value for event in EventName] == listed(EVENT_NAMES)


def test_names_and_labels_of_metrics() -> None:
    names = [" ".join([metric.kind, metric.name, *metric.labels]) for metric in LEDGER_METRICS]
    assert names == listed(METRIC_NAMES)


def test_settings() -> None:
    assert [f"MIGRATION_{name.upper()}" for name in Settings.model_fields] == listed(SETTING_NAMES)
