"""Data sets as people have them, whose values do not repeat: `orders`, and each kind of value alone.

What is looked at once where it repeats (documents, prices, days) has to be looked at a million times here.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from bench.contender_names import COPY_ALONE
from bench.database_recipe import DataSet, Table

_START = datetime(2019, 1, 1, tzinfo=UTC)
_SECONDS = 6 * 365 * 86_400
_STATES = ("new", "paid", "packed", "shipped", "delivered", "returned", "refunded", "lost")
_FIRST = ("Zoë", "José", "Łukasz", "Ngọc", "田中", "Мария", "Anna", "Ole")
_LAST = ("Müller", "García", "Wójcik", "Nguyễn", "さくら", "Иванова", "Smith", "Ångström")
_WORDS = (
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "naïve",
    "数据",
    "été",
)

_ORDERS_SQL = """CREATE TABLE orders (
    id integer PRIMARY KEY,
    customer_id integer NOT NULL,
    reference char(36) NOT NULL,
    price numeric(12,2) NOT NULL,
    quantity integer NOT NULL,
    status varchar(20) NOT NULL,
    lines json NOT NULL,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL,
    paid_ms timestamp,
    customer text NOT NULL,
    note text
)"""

Dice = random.Random
Value = Callable[[Dice, int], object]


def _uuid(dice: Dice, _row: int) -> str:
    return str(uuid.UUID(int=dice.getrandbits(128), version=4))


def _price(dice: Dice, _row: int) -> float:
    return dice.randrange(10**9) / 100


def _moment(dice: Dice, _row: int) -> str:
    at = _START + timedelta(seconds=dice.randrange(_SECONDS), microseconds=dice.randrange(10**6))
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")


def _day(dice: Dice, _row: int) -> str:
    return (_START.date() + timedelta(days=dice.randrange(_SECONDS // 86_400))).isoformat()


def _epoch_ms(dice: Dice, _row: int) -> int:
    return int(_START.timestamp() * 1000) + dice.randrange(_SECONDS * 1000)


def _name(dice: Dice, row: int) -> str:
    return f"{dice.choice(_FIRST)} {dice.choice(_LAST)} {row}"


def _sentence(dice: Dice, row: int) -> str:
    return " ".join(dice.choices(_WORDS, k=12)) + f" {row}"


def _flat_document(dice: Dice, row: int) -> str:
    return json.dumps(
        {"n": row, "score": dice.randrange(10**6), "tag": f"t{dice.randrange(10**6)}", "on": True}
    )


def _nested_document(dice: Dice, row: int) -> str:
    items = [
        {
            "sku": f"S-{dice.randrange(10**7)}",
            "price": dice.randrange(10**6) / 100,
            "quantity": dice.randrange(9),
        }
        for _ in range(3)
    ]
    return json.dumps({"order": row, "total": dice.randrange(10**7) / 100, "items": items})


def _orders(rows: int) -> Iterator[tuple[object, ...]]:
    dice = Dice(7)
    for row in range(1, rows + 1):
        yield (
            row,
            1 + dice.randrange(200_000),
            _uuid(dice, row),
            _price(dice, row),
            1 + dice.randrange(9),
            dice.choice(_STATES),
            _nested_document(dice, row),
            _moment(dice, row),
            _moment(dice, row),
            _epoch_ms(dice, row),
            _name(dice, row),
            None if row % 3 else _sentence(dice, row),
        )


_KINDS: dict[str, tuple[str, Value]] = {
    "integer": ("bigint", lambda dice, _row: dice.randrange(-(10**12), 10**12)),
    "numeric": ("decimal(12,2)", _price),
    "double": ("double", lambda dice, _row: dice.random() * 10 ** dice.randrange(-3, 9)),
    "text": ("text", _sentence),
    "uuid": ("uuid", _uuid),
    "date": ("date", _day),
    "timestamp": ("timestamp", _moment),
    "epoch": ("timestamp", _epoch_ms),
    "boolean": ("boolean", lambda dice, _row: dice.randrange(2)),
    "blob": ("blob", lambda dice, _row: dice.randbytes(40)),
    "json": ("json", _flat_document),
    "nested": ("json", _nested_document),
    "sparse": ("text", lambda dice, row: None if dice.randrange(10) else f"seldom {row}"),
}
"""Kind → the declared type, and how a value of it is made."""


def orders(rows: int) -> DataSet:
    """Return a shop's orders: keys, prices, documents, times and names of which no two are alike."""
    sql = (_ORDERS_SQL, "CREATE INDEX orders_customer_id ON orders (customer_id)")
    table = Table("orders", sql, rows, 12, _orders)
    # A time in milliseconds is a year to pgloader, and no row arrives; as a number they all do.
    casts = ("column orders.paid_ms to bigint drop typemod",)
    return DataSet("orders", f"{rows:,} orders of 12 columns", (table,), pgloader_casts=casts)


def kinds(rows: int) -> list[DataSet]:
    """Return a data set for each kind of value: a key and two columns of that kind."""
    return [
        DataSet(
            f"kind-{kind}",
            f"{rows:,} rows of two {declared} ({kind})",
            (
                Table(
                    kind,
                    (f'CREATE TABLE "{kind}" (id integer PRIMARY KEY, a {declared}, b {declared})',),
                    rows,
                    3,
                    _rows_of(value),
                ),
            ),
            contenders=COPY_ALONE,
        )
        for kind, (declared, value) in _KINDS.items()
    ]


def _rows_of(value: Value) -> Callable[[int], Iterator[tuple[object, ...]]]:
    def rows_of(rows: int) -> Iterator[tuple[object, ...]]:
        dice = Dice(11)
        for row in range(1, rows + 1):
            yield row, value(dice, row), value(dice, row)

    return rows_of
