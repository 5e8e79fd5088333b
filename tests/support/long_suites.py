"""Test files that take the longest: `make test-all` runs them, as CI does, and `make test` leaves them out.

Together they take three quarters of an hour of one process, and so more than all others; the measure is a whole run's
`--durations`. Who changes what they try runs them by name.
"""

from __future__ import annotations

LONG_SUITES = frozenset(
    {
        "tests/acceptance/dashboard/test_dashboard_journey.py",
        "tests/acceptance/dashboard/test_dashboard_trouble.py",
        "tests/acceptance/drill/test_drill.py",
        "tests/acceptance/mutations/test_mutations.py",
        "tests/acceptance/other_hands/test_other_hands.py",
        "tests/acceptance/test_application_profiles.py",
        "tests/acceptance/test_cli_abandoned.py",
        "tests/acceptance/test_cli_doctor.py",
        "tests/acceptance/test_cli_hold.py",
        "tests/acceptance/test_cli_migrate.py",
        "tests/acceptance/test_data_only_losses.py",
        "tests/acceptance/test_documentation_cluster.py",
        "tests/acceptance/test_documentation_commands.py",
        "tests/acceptance/test_dump_sources.py",
        "tests/acceptance/test_guarded_broker.py",
        "tests/acceptance/test_installed_wheel.py",
        "tests/acceptance/test_killed_command.py",
        "tests/acceptance/test_library_values.py",
        "tests/acceptance/test_planted_secrets.py",
        "tests/acceptance/test_random_databases.py",
        "tests/acceptance/test_server_refusals.py",
        "tests/acceptance/test_shared_databases.py",
        "tests/acceptance/test_target_settings.py",
        "tests/acceptance/test_unwritable_folders.py",
        "tests/chaos/test_between_statements.py",
        "tests/chaos/test_fault_matrix.py",
        "tests/chaos/test_full_disk.py",
        "tests/chaos/test_hosts_without_shared_disk.py",
        "tests/chaos/test_interrupted_cutover.py",
        "tests/chaos/test_killed_broker.py",
        "tests/chaos/test_killed_worker.py",
        "tests/chaos/test_ledger_model.py",
        "tests/chaos/test_silent_broker.py",
        "tests/integration/api/test_fuzzed_api.py",
        "tests/integration/api/test_token_access.py",
        "tests/integration/bench/test_suite.py",
        "tests/integration/embedded/test_embedded_cluster.py",
        "tests/integration/pipeline/test_commands_of_several_targets.py",
        "tests/integration/pipeline/test_later_writes.py",
        "tests/integration/pipeline/test_server_limits.py",
        "tests/integration/pipeline/test_several_targets.py",
        "tests/integration/pipeline/test_stage_publication.py",
        "tests/integration/pipeline/test_staged_proof.py",
        "tests/integration/pipeline/test_staging_guard.py",
        "tests/integration/pipeline/test_step_groups.py",
        "tests/integration/source/test_snapshot_access.py",
        "tests/integration/target/test_replaced_objects.py",
        "tests/integration/validation/test_lossy_targets.py",
        "tests/integration/validation/test_schema_mutations.py",
    }
)
"""Paths from the top of the checkout."""
