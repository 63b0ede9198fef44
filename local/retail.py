"""Reading *Online Retail* (UCI Machine Learning Repository) as it is published: one line per invoice and stock code.

What a shop cannot replay is skipped, each line for one reason, in this order:

    MALFORMED          a short row, a bad number or date
    NOT_GOODS          postage, fees, discounts, samples, vouchers, adjustments, tests: see GOODS
    ZERO_QUANTITY
    WRITE_OFF          a negative quantity outside a cancellation: stock that was lost or found damaged
    POSITIVE_RETURN    a positive quantity in a cancellation
    NO_DESCRIPTION     a correction of the stock, not a sale
    NO_PRICE           a price below one penny: a gift, a correction or a bad debt
    UNKNOWN_RETURN     a return of something that the file never sells

Besides lines, invoices of which no line is left are counted as WITHOUT_LINES.
"""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import IO, NamedTuple

from local.state import LocalError

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
GOODS = re.compile(r"\d{5}[A-Z]{0,2}|DCGS\w+", re.IGNORECASE)
"""Goods have five digits and up to two letters for the variant, or belong to the series DCGS (also sold on the web)."""
DATES = ("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%Y-%m-%d %H:%M:%S")
"""As in the UCI file, and as spreadsheets and pandas rewrite it. Only the file's order counts, so none is preferred."""

MALFORMED = "malformed line"
NOT_GOODS = "not goods"
ZERO_QUANTITY = "zero quantity"
WRITE_OFF = "negative quantity outside a cancellation"
POSITIVE_RETURN = "positive quantity in a cancellation"
NO_DESCRIPTION = "no description"
NO_PRICE = "zero or negative price"
UNKNOWN_RETURN = "return of goods that are not sold"
WITHOUT_LINES = "invoice left without lines"


class Offer(NamedTuple):
    """What a sku is called and costs, in pence."""

    name: str
    price_minor: int


class Sale(NamedTuple):
    """An invoice: who bought (None when the file does not say) and (sku as written, quantity), repeats included."""

    invoice: str
    customer_id: str | None
    lines: list[tuple[str, int]]


class Return(NamedTuple):
    """Units that came back."""

    invoice: str
    sku: str
    quantity: int


@dataclass(frozen=True)
class Sales:
    """A file's products by sku in upper case, its invoices and returns in file order, and what was skipped, by reason.

    A sku with several prices has the most frequent, the lower of equals; its name is the most frequent
    description, the earlier of equals.
    """

    products: Mapping[str, Offer]
    orders: Sequence[Sale]
    returns: Sequence[Return]
    skipped: Counter[str]

    @property
    def sold(self) -> Counter[str]:
        """Units that all orders ask for, by sku."""
        units: Counter[str] = Counter()
        for order in self.orders:
            for sku, quantity in order.lines:
                units[sku.upper()] += quantity
        return units


def read_sales(file: Path) -> Sales:
    """Read a file, plain or compressed by gzip; UTF-8, or Latin-1 in lines that are not.

    Raises LocalError when the file cannot be read, is empty or has not the columns of Online Retail.
    """
    try:
        with file.open("rb") as opened:
            lines = _decompressed(opened)
            return parse_sales(_text(lines))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise LocalError(f"{file} is a damaged gzip file: {error}") from error
    except OSError as error:
        raise LocalError(f"{file} cannot be read: {error.strerror}") from error
    except csv.Error as error:
        raise LocalError(f"{file} is not a CSV file: {error}") from error
    except LocalError as error:
        raise LocalError(f"{file} {error}") from None


def parse_sales(lines: Iterable[str]) -> Sales:
    """Parse CSV in one pass. Raises LocalError for missing columns or no lines, csv.Error for no CSV at all."""
    rows = csv.reader(lines)
    places = _places(rows)
    ledger = _Ledger()
    for row in rows:
        if row:
            ledger.add(row, places)
    return ledger.sales()


@dataclass(frozen=True)
class _Line:
    invoice: str
    sku: str
    description: str
    quantity: int
    price_minor: int
    customer_id: str | None

    @property
    def cancels(self) -> bool:
        return self.invoice[:1].upper() == "C"


@dataclass
class _Ledger:
    """What was read so far. An invoice's lines need not stand together."""

    prices: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    names: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    orders: dict[str, Sale] = field(default_factory=dict)
    returns: list[Return] = field(default_factory=list)
    invoices: set[str] = field(default_factory=set)
    skipped: Counter[str] = field(default_factory=Counter)
    lines: int = 0

    def add(self, row: Sequence[str], places: Mapping[str, int]) -> None:
        self.lines += 1
        line = _parse(row, places)
        reason = _skip_reason(line) if line else MALFORMED
        if line:
            self.invoices.add(line.invoice)
        if line is None or reason:
            self.skipped[reason or MALFORMED] += 1
        elif line.cancels:
            self.returns.append(Return(line.invoice, line.sku.upper(), -line.quantity))
        else:
            self._sell(line)

    def _sell(self, line: _Line) -> None:
        sku = line.sku.upper()
        self.prices[sku][line.price_minor] += 1
        self.names[sku][line.description] += 1
        sale = self.orders.get(line.invoice) or Sale(line.invoice, line.customer_id, [])
        sale.lines.append((line.sku, line.quantity))
        self.orders[line.invoice] = sale

    def sales(self) -> Sales:
        if not self.lines:
            raise LocalError("has no line below its header")
        products = {sku: Offer(_most_frequent(self.names[sku]), _price(prices)) for sku, prices in self.prices.items()}
        returns = [one for one in self.returns if one.sku in products]
        used = {*self.orders, *(one.invoice for one in returns)}
        counts = {
            UNKNOWN_RETURN: len(self.returns) - len(returns),
            WITHOUT_LINES: len(self.invoices - used),
        }
        skipped = self.skipped + Counter(counts)
        return Sales(products, list(self.orders.values()), returns, skipped)


def _skip_reason(line: _Line) -> str | None:
    """Say why a line is left out, None for one that counts."""
    reasons = {
        NOT_GOODS: not GOODS.fullmatch(line.sku),
        ZERO_QUANTITY: line.quantity == 0,
        WRITE_OFF: line.quantity < 0 and not line.cancels,
        POSITIVE_RETURN: line.quantity > 0 and line.cancels,
        NO_DESCRIPTION: not line.description,
        NO_PRICE: line.price_minor <= 0,
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def _parse(row: Sequence[str], places: Mapping[str, int]) -> _Line | None:
    """Return a row's line, None when it is malformed."""
    try:
        found = {name: row[place].strip() for name, place in places.items()}
        _check_date(found["InvoiceDate"])
        line = _Line(
            invoice=found["InvoiceNo"],
            sku=found["StockCode"],
            description=found["Description"],
            quantity=int(found["Quantity"]),
            price_minor=_pence(found["UnitPrice"]),
            customer_id=found["CustomerID"].removesuffix(".0") or None,
        )
    except (IndexError, ValueError, InvalidOperation):
        return None
    return line if line.invoice and line.sku else None


def _pence(pounds: str) -> int:
    pence = (Decimal(pounds) * 100).quantize(Decimal(1), ROUND_HALF_EVEN)
    return int(pence)


@lru_cache(maxsize=1024)  # an invoice has one date and up to a thousand lines
def _check_date(text: str) -> None:
    for form in DATES:
        try:
            datetime.strptime(text, form)  # noqa: DTZ007 - it is not used, only known to be a date
        except ValueError:
            continue
        return
    raise ValueError(text)


def _price(counts: Counter[int]) -> int:
    return min(counts, key=lambda price: (-counts[price], price))


def _most_frequent(counts: Counter[str]) -> str:
    return counts.most_common(1)[0][0]


def _places(rows: Iterator[list[str]]) -> dict[str, int]:
    """Return where in a row each column stands."""
    header = [name.strip().lower() for name in next((row for row in rows if row), [])]
    if not header:
        raise LocalError("is empty")
    if missing := [name for name in COLUMNS if name.lower() not in header]:
        raise LocalError(f"is not a CSV of Online Retail: it has no column {', '.join(missing)}")
    return {name: header.index(name.lower()) for name in COLUMNS}


def _decompressed(opened: IO[bytes]) -> IO[bytes]:
    magic = opened.read(2)
    opened.seek(0)
    return gzip.open(opened) if magic == b"\x1f\x8b" else opened  # type: ignore[return-value] # a GzipFile reads alike


def _text(lines: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines):
        try:
            yield line.decode("utf-8-sig" if number == 0 else "utf-8")
        except UnicodeDecodeError:
            yield line.decode("latin-1")
