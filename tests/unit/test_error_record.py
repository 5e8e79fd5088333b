from __future__ import annotations

from migration.convoy_error import NextStep
from migration.error_record import error_from_record, error_record
from migration.errors import RunFailedError, TargetPermissionError

ERROR = TargetPermissionError(
    "The role app may not create schemas",
    database="shop",
    remedy="Run: GRANT CREATE ON DATABASE shop TO app",
    next_steps=(NextStep("Let the role create schemas", "GRANT CREATE ON DATABASE shop TO app"),),
)


def test_a_record_says_all_that_the_error_knows() -> None:
    assert error_record(ERROR) == {
        "code": "target-permission-denied",
        "message": "The role app may not create schemas (database shop). Run: GRANT CREATE ON DATABASE shop TO app.",
        "what": "The role app may not create schemas",
        "remedy": "Run: GRANT CREATE ON DATABASE shop TO app",
        "details": "",
        "database": "shop",
        "next_steps": [
            {"purpose": "Let the role create schemas", "command": "GRANT CREATE ON DATABASE shop TO app"}
        ],
        "exit_status": 2,
    }


def test_every_text_is_cleaned() -> None:
    record = error_record(ERROR, lambda text: text.replace("shop", "***"))
    assert "shop" not in str(record)
    assert record["database"] == "***"


def test_a_code_of_a_newer_convoy_is_a_failed_run() -> None:
    record = error_record(ERROR) | {"code": "something-new"}
    error = error_from_record(record)
    assert type(error) is RunFailedError
    assert str(error) == str(ERROR)
