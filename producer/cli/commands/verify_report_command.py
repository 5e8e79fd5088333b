"""The command `verify-report`: whether the files of a report are those that were written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from migration.evidence_errors import ReportUnusableError
from migration.exit_status import ExitStatus
from producer.cli.command_options import json_flag

if TYPE_CHECKING:
    from migration.report.report_manifest import Tampering


@click.command(
    name="verify-report",
    epilog="Example: migration-cli verify-report report --public-key signing.pub",
    short_help="Check that nobody has changed a report.",
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--public-key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="PEM of the public key; without it, a signature is not checked.",
)
@json_flag
def verify_report(folder: Path, public_key: Path | None, as_json: bool) -> int:
    """Compare the files of a report with its manifest, and the manifest with its signature.

    Exit status 0: as written; 1: something was changed, added or removed, or the signature is missing or of another
    key; 2: there is no report to check, or no key.
    """
    from migration.report.report_manifest import MANIFEST_NAME, SIGNATURE_NAME, find_tampering
    from migration.report.report_signature import is_signed_by

    try:
        manifest = (folder / MANIFEST_NAME).read_bytes()
        signature = (folder / SIGNATURE_NAME).read_bytes() if (folder / SIGNATURE_NAME).is_file() else None
        found = find_tampering(folder, manifest)
    except OSError as error:
        raise ReportUnusableError(
            f"There is no report that can be checked: {error.strerror}",
            file=str(error.filename or folder),
            remedy="Name the folder that --report has written",
        ) from error
    is_genuine = None
    if public_key is not None:
        is_genuine = is_signed_by(manifest, signature or b"", public_key)
    if as_json:
        _print_json(found, signature is not None, is_genuine)
    else:
        _print(found, is_signed=signature is not None, is_genuine=is_genuine, files=manifest.count(b"\n"))
    return ExitStatus.FINDINGS if found or is_genuine is False else ExitStatus.PROVED


def _print(found: list[Tampering], *, is_signed: bool, is_genuine: bool | None, files: int) -> None:
    from migration.report.report_manifest import SIGNATURE_NAME
    from migration.report.text_formatting import count, printable

    for one in found:
        click.echo(f"{one.kind.value}: {printable(one.name)}")
    if is_genuine is False:
        click.echo(f"{SIGNATURE_NAME}: {'not of this key' if is_signed else 'missing'}")
    if found or is_genuine is False:
        click.echo("This is not the report as it was written.")
        return
    if is_genuine:
        click.echo(f"As written: {count(files, 'file')}; the signature is of this key.")
        return
    click.echo(f"As its manifest says: {count(files, 'file')}.")
    click.echo(
        "The signature was not checked: name the key with --public-key."
        if is_signed
        else "The report is not signed, so whoever can change a file can change the manifest, too."
    )


def _print_json(found: list[Tampering], is_signed: bool, is_genuine: bool | None) -> None:
    import msgspec

    answer = {"tampering": found, "signed": is_signed, "signature_of_this_key": is_genuine}
    click.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2))
