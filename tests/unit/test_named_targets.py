"""The file of targets: what is in it, what is refused of it, and that a change of it counts at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from migration.named_targets import NamedTargets
from migration.secret_text import without_secrets
from migration.settings import Settings
from migration.target_name_errors import TargetNameMissingError, TargetsFileError, UnknownTargetError

SHOP = 'url = "postgresql://convoy@db/shop"'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "targets.toml"
    (tmp_path / "crm.password").write_text("first-pass-1\n")
    path.write_text(
        f'[shop]\n{SHOP}\n[crm]\nurl = "postgresql://convoy@db/crm"\npassword_file = "crm.password"\n'
    )
    return path


def named(file: Path | None) -> NamedTargets:
    return NamedTargets(
        Settings(
            target_url="postgresql://me@here/default",  # type: ignore[arg-type]
            target_password="of-the-default-1",  # type: ignore[arg-type]
            targets_file=file,
            _env_file=None,
        )
    )


def told(settings: Settings) -> tuple[str, str | None]:
    assert settings.target_url is not None
    password = settings.target_password
    return settings.target_url.get_secret_value(), password.get_secret_value() if password else None


def test_names_have_their_own_url_and_password(file: Path) -> None:
    targets = named(file)
    assert targets.names() == ("crm", "shop")
    assert told(targets.settings_of("crm")) == ("postgresql://convoy@db/crm", "first-pass-1")
    # The password of the default target is for no other server.
    assert told(targets.settings_of("shop")) == ("postgresql://convoy@db/shop", None)
    assert told(targets.settings_of("")) == ("postgresql://me@here/default", "of-the-default-1")
    assert targets.settings_of("default") is targets.settings_of("")


def test_what_has_not_changed_is_the_same_object(file: Path) -> None:
    targets = named(file)
    before = targets.settings_of("shop"), targets.settings_of("crm")
    file.write_text(file.read_text() + f"[more]\n{SHOP}\n")
    assert targets.names() == ("crm", "more", "shop")
    assert targets.settings_of("shop") is before[0]
    assert targets.settings_of("crm") is before[1]


def test_password_that_is_rotated_counts_at_once_and_is_blanked(file: Path, tmp_path: Path) -> None:
    targets = named(file)
    before = targets.settings_of("crm")
    (tmp_path / "crm.password").write_text("second-pass-2\n")
    assert targets.settings_of("crm") is not before
    assert told(targets.settings_of("crm"))[1] == "second-pass-2"
    assert without_secrets("old first-pass-1, new second-pass-2") == "old ***, new ***"


def test_name_that_is_gone_is_an_error_that_says_file_and_name(file: Path) -> None:
    targets = named(file)
    targets.settings_of("shop")
    file.write_text("# none")
    with pytest.raises(TargetNameMissingError, match=r"There is no target 'shop' .*targets\.toml"):
        targets.settings_of("shop")


@pytest.mark.parametrize(
    "name", ["nobody", "SHOP", "shop ", "", "../shop", "postgresql://me:hunter22@db/shop", "a" * 5000]
)
def test_somebody_who_asks_for_another_is_told_which_there_are(file: Path, name: str) -> None:
    with pytest.raises(UnknownTargetError, match=r"Name one of default, crm, shop") as refused:
        named(file).chosen(name)
    assert "hunter22" not in str(refused.value)
    assert len(str(refused.value)) < 200


def test_without_a_file_there_are_no_names() -> None:
    targets = named(None)
    assert (targets.are_there, targets.names(), targets.chosen(None)) == (False, (), "")
    for name in ("shop", "default"):
        with pytest.raises(UnknownTargetError, match="MIGRATION_TARGETS_FILE is not set"):
            targets.chosen(name)
    with pytest.raises(TargetNameMissingError, match="MIGRATION_TARGETS_FILE is not set"):
        targets.settings_of("shop")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        (f"[default]\n{SHOP}", "is the target of MIGRATION_TARGET_URL"),
        (f"[Shop]\n{SHOP}", "is no name of a target"),
        (f'["a/b"]\n{SHOP}', "is no name of a target"),
        (f'["\\u001b[31m"]\n{SHOP}', "is no name of a target"),
        (f'[""]\n{SHOP}', "is no name of a target"),
        (f'["postgresql://me:planted1@db/x"]\n{SHOP}', "one of its names"),
        ("shop = 3", r"outside of a table"),
        (f"[shop.eu]\n{SHOP}", "has 'eu', which there is not"),
        (f'[shop]\n{SHOP}\npassword = "planted12"', "has 'password', which there is not"),
        ("[shop]", "has no URL"),
        ('[shop]\nurl = "mysql://me@db/x"', "has no URL of PostgreSQL"),
        ("[shop]\nurl = 3", "has no URL"),
        (f"[shop]\n{SHOP}\npassword_file = 3", "is no path"),
        (f'[shop]\n{SHOP}\npassword_file = "nowhere"', "cannot be read"),
        (f'[shop]\n{SHOP}\npassword_file = "."', "cannot be read"),
        ('[shop]\nurl = "postgresql://me:planted123', r"cannot be read: it is no TOML \(at"),
    ],
)
def test_file_that_makes_no_sense_is_refused_in_a_sentence(file: Path, text: str, sentence: str) -> None:
    targets = named(file)
    targets.names()
    file.write_text(text)
    with pytest.raises(TargetsFileError, match=sentence) as refused:
        targets.names()
    assert str(file) in str(refused.value)
    assert "planted1" not in str(refused.value)


def test_file_that_is_no_text_or_not_there_is_refused_and_found_again(file: Path) -> None:
    targets = named(file)
    whole = file.read_text()
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(TargetsFileError, match="cannot be read"):
        targets.names()
    file.unlink()
    with pytest.raises(TargetsFileError, match="cannot be read: No such file"):
        targets.names()
    os.mkfifo(file)  # is not waited for
    with pytest.raises(TargetsFileError, match="no regular file"):
        targets.names()
    file.unlink()
    file.write_text(whole)
    assert targets.names() == ("crm", "shop")


def _become_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _become_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _become_a_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


BREAKS = {
    "garbage": lambda path: path.write_bytes(os.urandom(4_000) + b"\xff"),
    "no TOML": lambda path: path.write_text("[shop\nurl = planted"),
    "nested": lambda path: path.write_text("a = " + "[" * 100_000),
    "number": lambda path: path.write_text("a = " + "1" * 10_000),
    "empty": lambda path: path.write_text(""),
    "removed": lambda path: path.unlink(),
    "pipe": _become_a_pipe,
    "folder": _become_a_folder,
    "device": _become_a_device,
    "large": lambda path: os.truncate(path, 1 << 40),
    "writable": lambda path: path.chmod(0o666),
    "odd path": lambda path: path.write_text(f'[shop]\n{SHOP}\npassword_file = "a\\u0000b"'),
    "no password": lambda path: (path.parent / "crm.password").unlink(),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_file_that_is_broken_is_refused_and_those_that_were_known_go_on(file: Path, broken: str) -> None:
    targets = named(file)
    before = targets.settings_of("shop"), targets.settings_of("crm")
    BREAKS[broken](file)
    for _ in range(2):
        with pytest.raises(TargetsFileError):
            targets.names()
        with pytest.raises(TargetsFileError):
            targets.chosen("shop")
        with pytest.raises(TargetsFileError):
            targets.settings_of("nobody")
        assert targets.settings_of("shop") is before[0]
        assert targets.settings_of("crm") is before[1]
    # So does what begins only now in this process, or in one that was forked from it
    late = named(file)
    assert told(late.settings_of("crm")) == ("postgresql://convoy@db/crm", "first-pass-1")
    with pytest.raises(TargetsFileError):
        late.names()


def test_file_that_is_whole_again_counts_at_once(file: Path) -> None:
    targets, whole = named(file), file.read_text()
    before = targets.settings_of("shop")
    file.write_text("garbage")
    assert targets.settings_of("shop") is before
    file.write_text(whole + f"[more]\n{SHOP}\n")
    assert targets.names() == ("crm", "more", "shop")
    assert targets.settings_of("shop") is before
    file.write_text("# none")
    with pytest.raises(TargetNameMissingError):
        targets.settings_of("shop")
    file.write_text("garbage")  # what was known before is that there is none
    with pytest.raises(TargetsFileError):
        targets.settings_of("shop")


def test_process_that_has_never_seen_a_whole_file_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    targets = named(tmp_path / "never.toml")
    with pytest.raises(TargetsFileError, match="No such file"):
        targets.settings_of("shop")


@pytest.mark.parametrize(
    ("mode", "is_refused"), [(0o644, True), (0o604, True), (0o640, False), (0o600, False)]
)
def test_password_in_a_url_is_taken_from_a_closed_file_only(file: Path, mode: int, is_refused: bool) -> None:
    file.write_text('[shop]\nurl = "postgresql://convoy:planted-9@db/shop"\n')
    file.chmod(mode)
    if not is_refused:
        assert named(file).names() == ("shop",)
        return
    with pytest.raises(TargetsFileError, match="every user of this machine may read") as refused:
        named(file).names()
    assert "planted-9" not in str(refused.value)


def test_nothing_is_taken_from_a_file_that_others_may_write(file: Path) -> None:
    file.chmod(0o666)
    with pytest.raises(TargetsFileError, match="may be changed by every user"):
        named(file).names()


def test_file_without_a_table_has_no_names(file: Path) -> None:
    file.write_text("# none\n")
    assert named(file).names() == named(Path(os.devnull)).names() == ()
