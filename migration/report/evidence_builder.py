"""What somebody who signs for a run wants to see beside its figures: by what, by whom, on which server."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from migration.ledger.run_acts import Act, ActRecord, last_act
from migration.model import Mode
from migration.report.evidence_model import ActReport, EvidenceReport, ServerReport
from migration.report.run_facts import Facts
from migration.report.text_formatting import printable
from migration.run_options import RunOptions
from migration.secret_text import without_secrets

_TOLD_ELSEWHERE: Final = frozenset({"sources", "target", "mapping", "idempotency_key", "idempotency_sha256"})


def build_evidence(facts: Facts) -> EvidenceReport:
    """Return the evidence of a run; runs of earlier versions have left less of it."""
    options = facts.run.options
    started = last_act(facts.acts, Act.STARTED)
    cut_over = last_act(facts.acts, Act.CUT_OVER)
    digest = cut_over.data.get("digest") if cut_over is not None else None
    by_mode = "md5" if options.mode is Mode.VALIDATE else "hash128"
    mapping = None if options.mapping is None or options.mapping.is_profile else options.mapping
    return EvidenceReport(
        convoy_version=started.convoy_version if started is not None else "",
        digest_algorithm=str(digest or by_mode),
        operator=printable(started.person.name) if started is not None else "",
        client_host=printable(started.person.host) if started is not None else "",
        server=ServerReport(
            system_identifier=facts.system_identifier,
            version=facts.server_version,
            database=printable(facts.database),
        ),
        mapping_file=printable(mapping.name) if mapping is not None else None,
        mapping_sha256=(mapping.sha256 or None) if mapping is not None else None,
        application=options.app or None,
        application_sha256=options.app_sha256 or None,
        options=_options(options),
        accepted_losses=_accepted_losses(options),
        cut_over=_act(cut_over),
        rolled_back=_act(last_act(facts.acts, Act.ROLLED_BACK)),
        acts=tuple(_report(record) for record in facts.acts),
    )


def _accepted_losses(options: RunOptions) -> tuple[str, ...]:
    """Return what was signed for beforehand, and by whom; the report's `accepted` has what came of it."""
    by = f", signed for by {options.accepted_by}" if options.accepted_by else ""
    return tuple(printable(f"{loss}{by}") for loss in options.accept)


def _act(record: ActRecord | None) -> ActReport | None:
    return None if record is None else _report(record)


def _report(record: ActRecord) -> ActReport:
    return ActReport(
        act=record.act.value,
        at=record.at.isoformat(),
        person=printable(record.person.name),
        host=printable(record.person.host),
        convoy_version=record.convoy_version,
        data=_safe(dict(record.data)),
    )


def _options(options: RunOptions) -> dict[str, Any]:
    """Return every option of a run that is no name of a source, target or mapping file: those are told apart."""
    fields: dict[str, Any] = msgspec.to_builtins(options)
    return {name: _safe(value) for name, value in fields.items() if name not in _TOLD_ELSEWHERE}


def _safe(value: Any) -> Any:
    """Return JSON whose texts hold neither a password nor a control character."""
    if isinstance(value, str):
        return printable(without_secrets(value))
    if isinstance(value, list | tuple):
        return [_safe(part) for part in value]
    if isinstance(value, dict):
        return {name: _safe(part) for name, part in value.items()}
    return value
