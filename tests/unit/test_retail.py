"""Reading Online Retail: what becomes a product, an order or a return, and why each other line is skipped."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest

from local import retail
from local.retail import Offer, Return, Sale, Sales, parse_sales, read_sales
from local.state import ROOT, LocalError
from tests.conftest import WHOLE

HEADER = ",".join(retail.COLUMNS)
EXCERPT = ROOT / "local" / "data" / "online-retail-excerpt.csv"


def line(
    invoice: str = "536365",
    sku: str = "71053",
    name: str = "WHITE METAL LANTERN",
    quantity: object = 6,
    date: str = "01/12/2010 08:26",
    price: object = 3.39,
    customer: str = "17850",
) -> str:
    return f"{invoice},{sku},{name},{quantity},{date},{price},{customer},United Kingdom"


def sales(*lines: str) -> Sales:
    return parse_sales([HEADER, *lines])


def test_lines_of_an_invoice_become_one_order_in_file_order_with_repeats() -> None:
    found = sales(
        line(sku="71053", quantity=6),
        line(sku="84970s", quantity=1),
        line(invoice="536366", sku="22633", customer=""),
        line(sku="71053", quantity=2),
    )
    assert found.orders == [
        Sale("536365", "17850", [("71053", 6), ("84970s", 1), ("71053", 2)]),
        Sale("536366", None, [("22633", 6)]),
    ]
    assert found.sold == {"71053": 8, "84970S": 1, "22633": 6}
    assert not found.skipped


def test_two_spellings_are_one_product() -> None:
    assert list(sales(line(sku="84970s"), line(sku="84970S")).products) == ["84970S"]


def test_the_most_frequent_price_and_name_win() -> None:
    found = sales(
        line(name="LANTERN", price=4.21),
        line(name="WHITE METAL LANTERN", price=3.39),
        line(name="WHITE METAL LANTERN", price=3.39),
        line(name="", price=0),
        line(name="", price=0),
        line(name="", price=0),
    )
    assert found.products == {"71053": Offer("WHITE METAL LANTERN", 339)}


def test_the_lower_of_equally_frequent_prices_wins_and_the_earlier_name() -> None:
    found = sales(line(name="B", price=4.21), line(name="A", price=3.39), line(name="A", price=4.21), line(name="B"))
    assert found.products == {"71053": Offer("B", 339)}


@pytest.mark.parametrize(
    ("pounds", "pence"), [("2", 200), ("2.1", 210), ("1.15", 115), ("8.29", 829), ("11062.06", 1106206)]
)
def test_prices_are_exact(pounds: str, pence: int) -> None:
    assert sales(line(price=pounds)).products["71053"].price_minor == pence


@pytest.mark.parametrize("sku", ["71053", "85123A", "15056BL", "84970s", "DCGS0076", "DCGSSGIRL"])
def test_goods(sku: str) -> None:
    assert list(sales(line(sku=sku)).products) == [sku.upper()]


@pytest.mark.parametrize(
    "sku",
    [
        "POST",
        "DOT",
        "C2",
        "M",
        "m",
        "D",
        "AMAZONFEE",
        "CRUK",
        "S",
        "PADS",
        "gift_0001_20",
        "B",
        "ADJUST",
        "ADJUST2",
        "TEST001",
        "7105",
        "710533",
        "71053ABC",
        "BANK CHARGES",
    ],
)
def test_not_goods(sku: str) -> None:
    assert _skips(line(sku=sku)) == {retail.NOT_GOODS: 1, retail.WITHOUT_LINES: 1}


@pytest.mark.parametrize(
    ("skipped", "reason"),
    [
        (line("X", quantity=0), retail.ZERO_QUANTITY),
        (line("X", quantity=-3), retail.WRITE_OFF),
        (line("X", quantity=-3, name="", price=0), retail.WRITE_OFF),
        (line("C1", quantity=3), retail.POSITIVE_RETURN),
        (line("X", name="", price=0), retail.NO_DESCRIPTION),
        (line("X", name="  "), retail.NO_DESCRIPTION),
        (line("X", price=0), retail.NO_PRICE),
        (line("X", price=-1.5), retail.NO_PRICE),
        (line("X", price=0.001), retail.NO_PRICE),
        (line("C1", sku="22633", quantity=-1), retail.UNKNOWN_RETURN),
    ],
)
def test_skipped_for_one_reason(skipped: str, reason: str) -> None:
    found = sales(line(), skipped)
    assert found.skipped == {reason: 1, retail.WITHOUT_LINES: 1}
    assert (len(found.orders), found.returns) == (1, [])


@pytest.mark.parametrize(
    "bad",
    [
        line(quantity="six"),
        line(quantity="1.5"),
        line(quantity=""),
        line(price="free"),
        line(price="NaN"),
        line(price="1e999"),
        line(date="yesterday"),
        line(date="31/31/2010 08:00"),
        line(invoice=""),
        line(sku=" "),
        "536365,71053,WHITE METAL LANTERN",
        "x",
    ],
)
def test_malformed(bad: str) -> None:
    assert _skips(bad)[retail.MALFORMED] == 1


def test_cancellations_are_returns_of_what_the_file_sells_anywhere() -> None:
    found = sales(line("C536364", sku="84970S", quantity=-2), line(sku="84970s"), line("C536367", sku="D", quantity=-1))
    assert found.returns == [Return("C536364", "84970S", 2)]
    assert found.skipped == {retail.NOT_GOODS: 1, retail.WITHOUT_LINES: 1}


@pytest.mark.parametrize("date", ["1/12/2010 8:26", "12/31/2010 8:26", "2010-12-01 08:26:00"])
def test_dates_as_other_programs_write_them(date: str) -> None:
    assert not sales(line(date=date, customer="17850.0")).skipped
    assert sales(line(customer="17850.0")).orders[0].customer_id == "17850"


def test_quoted_commas_and_line_ends() -> None:
    found = sales(line(name='"SET/6 ""RED"", ROUND\nTIN"'))
    assert found.products["71053"].name == 'SET/6 "RED", ROUND\nTIN'


def test_columns_in_another_order() -> None:
    found = parse_sales(
        [
            "Quantity,stockcode,InvoiceNo,Description,InvoiceDate,UnitPrice,CustomerID,Country,Note",
            "6,71053,536365,LANTERN,01/12/2010 08:26,3.39,17850,United Kingdom,x",
        ]
    )
    assert found.orders == [Sale("536365", "17850", [("71053", 6)])]


@pytest.mark.parametrize(
    "content",
    [
        f"{HEADER}\n{line()}\n".encode(),
        f"\ufeff{HEADER}\r\n{line()}\r\n".encode(),
        f"\n\n{HEADER}\n\n{line()}\n\n".encode(),
        f"{HEADER}\n{line()}".encode(),
        gzip.compress(f"{HEADER}\n{line()}\n".encode()),
    ],
    ids=["plain", "BOM and CRLF", "blank lines", "no newline at the end", "gzip"],
)
def test_files_as_they_come(tmp_path: Path, content: bytes) -> None:
    assert read_sales(_file(tmp_path, content)).orders == [Sale("536365", "17850", [("71053", 6)])]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_utf_8_and_latin_1(tmp_path: Path, encoding: str) -> None:
    content = f"{HEADER}\n{line(name='CAFÉ SIGN £')}\n".encode(encoding)
    assert read_sales(_file(tmp_path, content)).products["71053"].name == "CAFÉ SIGN £"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (f"{HEADER}\n\n".encode(), "has no line below its header"),
        (b"InvoiceNo,StockCode,Quantity,Price\n", "it has no column Description, InvoiceDate, UnitPrice, CustomerID"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "it has no column InvoiceNo"),
        (f"{HEADER}\r{line()}\r".encode(), "is not a CSV file"),
        (gzip.compress(f"{HEADER}\n{line()}\n".encode(), mtime=0)[:60], "is a damaged gzip file"),
        (b"\x1f\x8bnothing of the kind", "is a damaged gzip file"),
    ],
)
def test_other_files_are_refused_in_words(tmp_path: Path, content: bytes, message: str) -> None:
    file = _file(tmp_path, content)
    with pytest.raises(LocalError, match=message) as caught:
        read_sales(file)
    assert str(caught.value).startswith(str(file))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"nowhere\.csv cannot be read: No such file"):
        read_sales(tmp_path / "nowhere.csv")
    with pytest.raises(LocalError, match="cannot be read: Is a directory"):
        read_sales(tmp_path)


def test_the_excerpt() -> None:
    found = read_sales(EXCERPT)
    assert _counted(found) == (432, 34, 609, 6618, 10, 62)
    assert found.skipped == {
        retail.UNKNOWN_RETURN: 14,
        retail.NOT_GOODS: 7,
        retail.WITHOUT_LINES: 6,
        retail.NO_PRICE: 2,
        retail.NO_DESCRIPTION: 1,
        retail.WRITE_OFF: 1,
    }
    assert sum(order.customer_id is None for order in found.orders) == 6
    assert found.products["85123A"] == Offer("WHITE HANGING HEART T-LIGHT HOLDER", 255)
    assert {"84970S", "84970s"} <= {sku for order in found.orders for sku, _ in order.lines}


def test_the_excerpt_is_the_one_that_was_compared_with_its_source() -> None:
    assert sha256(EXCERPT.read_bytes()).hexdigest() == (
        "ffa31e8fcad4e376ec3769d086b9ab9b268d50e0bd73aaa676879c91d29d263c"
    )


if WHOLE.exists():  # it is large, and not a part of the project; tests/conftest.py says whether it was there

    def test_the_whole_file() -> None:
        found = read_sales(WHOLE)
        assert _counted(found) == (2384, 830, 21933, 180714, 295, 11963)
        assert found.skipped == {
            retail.WITHOUT_LINES: 144,
            retail.NOT_GOODS: 100,
            retail.WRITE_OFF: 64,
            retail.NO_PRICE: 63,
            retail.NO_DESCRIPTION: 51,
            retail.UNKNOWN_RETURN: 17,
        }
        assert max(len(order.lines) for order in found.orders) == 674

    def test_the_excerpt_is_whole_invoices_unchanged() -> None:
        taken = EXCERPT.read_text().splitlines()
        invoices = {row[0] for row in csv.reader(taken)}
        with gzip.open(WHOLE, "rt", encoding="utf-8") as whole:
            assert taken == [one for one in whole.read().splitlines() if one.partition(",")[0] in invoices]


def _file(folder: Path, content: bytes) -> Path:
    file = folder / "sales.csv"
    file.write_bytes(content)
    return file


def _skips(*lines: str) -> Counter[str]:
    found = sales(*lines)
    assert not found.orders
    return found.skipped


def _counted(found: Sales) -> tuple[int, ...]:
    """Return products, orders, their lines and units, returns and their units."""
    lines = sum(len(order.lines) for order in found.orders)
    returned = sum(one.quantity for one in found.returns)
    return len(found.products), len(found.orders), lines, sum(found.sold.values()), len(found.returns), returned
