"""docs/cost.md: the words of page.md with figures from measured.json, prices.toml and template.yaml."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.cost import model
from benchmarks.cost.model import CONTAINERS, DEV, MILLION, PROD, SECONDS, STEPS, Book, Cost, Line
from local.state import ROOT

MEASURED = Path(__file__).with_name("measured.json")
WORDS = Path(__file__).with_name("page.md")
PAGE = ROOT / "docs" / "cost.md"
EVENLY = MILLION / SECONDS
"""A million a month, by the second."""
RUSH = "order in a rush"
OPERATIONS = {"order": "orders", "item read": "item reads", "login": "logins"}
OTHERS = {"product read": "product reads", "item write": "item writes", "register": "registrations"}
ROUNDS = ("RelayOutboxFunction", "SweepOrdersFunction", "ReconcileFunction")
SHOWING = "D with stock shown"
SEEN = 0.05
"""Calls an invocation, and cents: what is less is not worth a word."""
Design = Callable[[Book, str, float], Cost]
DESIGNS: Mapping[str, Design] = {
    "Tradepost": model.ours,
    "design D, naively": model.naive,
    "design A, always on": model.always_on,
}


def read_book() -> Book:
    """Return the book of the files that are committed."""
    return Book.of(json.loads(MEASURED.read_text("utf-8")), model.PRICES.read_text("utf-8"))


def write_page() -> None:
    """Write the page anew."""
    PAGE.write_text(page(read_book()), "utf-8")


def page(book: Book) -> str:
    """Return the page. Raises model.Missing for a price, an assumption, or what a resource costs at rest."""
    figures = {**about(book), **sentences(book), **tables(book)}
    return WORDS.read_text("utf-8").format(**figures)


def about(book: Book) -> Mapping[str, object]:
    """Return where and when prices and measurement are from."""
    told, order, single = book.measured, book.measured["order"], book.measured["one_by_one"]
    return {
        **book.about,
        **{name: told[name] for name in ("commit", "python", "processor", "load")},
        "measured_on": told["date"],
        "lines": f"{order['lines']:.1f}",
        "skus": f"{order['skus']:.1f}",
        "message_ms": f"{single['message_ms']:.2f}",
        "statement_ms": f"{single['statement_ms']:.3f}",
        "record_ms": f"{single['record_ms']:.2f}",
        "gb_month": _money(book.price("aurora_gb_month")),
    }


def sentences(book: Book) -> Mapping[str, str]:
    """Return the figures within the text."""
    persons = MILLION / book.assumed("sign_ins_a_person")
    steps = by_step(book, "order")
    shown = model.naive(book, "order", EVENLY) + model.naive_showing(book, EVENLY)
    used, kept = own_metrics(book, book.measured["operations"]), own_metrics(book, ROUNDS)
    untraced = model.break_even(book.with_price("trace", 0), "item read")
    rush = book.operation(RUSH)
    batches = (f"{1 / rush['functions'][one]['invocations']:.0f} in {_short(one)}" for one in list(STEPS)[2:])
    others = (f"{_money(model.ours(book, name, EVENLY).total() * MILLION)} ({text})" for name, text in OTHERS.items())
    sizes = (
        f"{name.removesuffix('Table')} {one['bytes']:.0f}" for name, one in book.operation("order")["tables"].items()
    )
    return {
        "people": _money(book.price("cognito_lite", persons)),
        "persons": f"{persons:,.0f}",
        "dev": _money(_total(model.at_rest(book, DEV))),
        "showing": _money(steps[model.SHOWING].total() * MILLION),
        "d_showing": _money(shown.total() * MILLION),
        "tasks": f"{book.assumed('tasks_of_a_service'):g}",
        "more": _money(model.tasks_month(book)),
        "untraced": f"{untraced.month / MILLION:,.0f}" if untraced else "no",
        "steps": ", ".join(f"{step} is {_money(cost.total() * MILLION)}" for step, cost in steps.items()),
        "others": ", ".join(others),
        "core_hours": f"{rush['postgres_ms'] * MILLION / 3_600_000:.1f}",
        "rate": f"{rush['per_second']:.0f}",
        "batches": ", ".join(batches),
        "one_each": _money(_total(model.at_rest(book, CONTAINERS, tasks=1))),
        "metrics": str(len(used - kept)),
        "metrics_cost": _money(book.price("metric_month", len(used - kept))),
        "slower": f"{book.assumed('vcpu_mb') / 512:.2f}",
        "sizes": ", ".join(sizes),
    }


def tables(book: Book) -> Mapping[str, str]:
    """Return the tables."""
    rush = {title: design(book, RUSH, book.operation(RUSH)["per_second"]) for title, design in DESIGNS.items()}
    rush[SHOWING] = rush["design D, naively"] + model.naive_showing(book, book.operation(RUSH)["per_second"])
    return {
        "top": _table(["", *DESIGNS], list(top(book))),
        "break_even": _table(["", "a month", "a second", "of what the tasks carry"], list(break_even(book))),
        "made_of": "\n\n".join(made_of(book)),
        "busy": by_kind(rush),
        "resting": resting(book),
        "doubling": doubling(book),
        "measured": measured(book),
        "assumptions": _table(["", "", "of what", "why", "source"], list(assumptions(book))),
        "prices": _table(["", "USD", "for", "source"], list(prices(book))),
    }


def top(book: Book) -> Iterator[Sequence[str]]:
    """Yield what a shop owner reads first."""
    for name, plural in OPERATIONS.items():
        yield [f"a million {plural}", *(_money(one(book, name, EVENLY).total() * MILLION) for one in DESIGNS.values())]
    rest = [model.at_rest(book, PROD), model.rest_of_naive(book), model.at_rest(book, CONTAINERS)]
    yield ["a month in which nobody comes", *(_money(_total(lines)) for lines in rest)]


def break_even(book: Book) -> Iterator[Sequence[str]]:
    """Yield from what load containers are cheaper."""
    for name, plural in {**OPERATIONS, "product read": OTHERS["product read"]}.items():
        if found := model.break_even(book, name):
            share = "less than 1 %" if found.share < 0.01 else f"{found.share * 100:.0f} %"  # noqa: PLR2004 - as it says
            yield [plural, f"{found.month / MILLION:,.0f} million", f"{found.per_second:,.0f}", share]
        else:
            yield [plural, "never within what these tasks carry", "", ""]


def made_of(book: Book) -> Iterator[str]:
    """Yield a table for each operation of what its dollars are paid for."""
    for name, plural in OPERATIONS.items():
        columns = {title: design(book, name, EVENLY) for title, design in DESIGNS.items()}
        if name == "order":
            columns[SHOWING] = columns["design D, naively"] + model.naive_showing(book, EVENLY)
        yield f"A million {plural}:\n\n{by_kind(columns)}"


def by_step(book: Book, name: str) -> Mapping[str, Cost]:
    """Return what the steps of an order cost."""
    steps: dict[str, Cost] = {}
    for function, cost in model.by_step(book, name, EVENLY).items():
        step = STEPS.get(function, model.PLACING)
        steps[step] = steps.get(step, Cost()) + cost
    return steps


def by_kind(columns: Mapping[str, Cost]) -> str:
    """Return a table of what dollars are paid for, the largest first, for a million."""
    kinds = {kind for cost in columns.values() for kind in cost}
    largest_first = sorted(kinds, key=lambda kind: (-max(cost[kind] for cost in columns.values()), kind))
    rows = [[kind, *(_money(cost[kind] * MILLION) for cost in columns.values())] for kind in largest_first]
    rows.append(["**together**", *(f"**{_money(cost.total() * MILLION)}**" for cost in columns.values())])
    return _table(["", *columns], rows)


def resting(book: Book) -> str:
    """Return what a month at rest is made of."""
    columns = {
        "Tradepost in dev": model.at_rest(book, DEV),
        "in prod": model.at_rest(book, PROD),
        "design D": model.rest_of_naive(book),
        "design A": model.at_rest(book, CONTAINERS),
    }
    found = [{(line.part, line.what): line.dollars for line in lines} for lines in columns.values()]
    places = sorted({place for one in found for place in one})
    rows = [[f"{part}: {what}", *(_money(one.get((part, what), 0)) for one in found)] for part, what in places]
    rows.append(["**together**", *(f"**{_money(_total(lines))}**" for lines in columns.values())])
    return _table(["", *columns], rows)


def own_metrics(book: Book, names: Iterable[str]) -> set[str]:
    """Return the own metrics that these operations count something in."""
    return {
        metric
        for name in names
        for used in book.operation(name)["functions"].values()
        for metric in used["own_metrics"]
    }


def doubling(book: Book) -> str:
    """Return what doubling each assumption changes."""
    first = _figures(book)
    rows = [["as assumed", "", *first]]
    for name, one in book.assumptions.items():
        if one.get("doubled", True):
            now = _figures(book.doubled(name))
            cells = [new if new != old else "" for new, old in zip(now, first, strict=True)]
            if any(cells):
                rows.append([f"`{name}`", f"{2 * one['value']:g}", *cells])
    head = ["", "doubled", *(f"a million {one}" for one in OPERATIONS.values()), "prod at rest", "Fargate wins from"]
    return _table(head, rows)


def _figures(book: Book) -> list[str]:
    found = model.break_even(book, "item read")
    million = f"{found.month / MILLION:,.0f} million reads" if found else "never"
    each = (_money(model.ours(book, name, EVENLY).total() * MILLION) for name in OPERATIONS)
    return [*each, _money(_total(model.at_rest(book, PROD))), million]


def measured(book: Book) -> str:
    """Return what was measured of each function."""
    rows = []
    for name in (*OPERATIONS, RUSH, *OTHERS, *ROUNDS):
        for function, one in model.functions_of(book, name).items():
            calls = (
                f"{units['times']:.3g} {_call(call)}" for call, units in one.calls.items() if units["times"] > SEEN
            )
            rows.append([
                _short(name),
                _short(function),
                f"{model.frequency(book, name, function):.3g}",
                f"{one.cpu_ms:.1f}",
                f"{one.statements:.0f}",
                ", ".join(calls),
                f"{one.log_bytes:.0f}",
                f"{model.lambda_ms(book, one, model.memory(function)):.0f}",
            ])  # fmt: skip
    head = ["operation", "function", "times", "processor ms", "statements", "calls", "log bytes", "ms on Lambda"]
    return _table(head, rows)


def assumptions(book: Book) -> Iterator[Sequence[str]]:
    """Yield the assumptions; those without a source are marked."""
    for name, one in book.assumptions.items():
        yield [f"`{name}`", f"{one['value']:g}", one["unit"], one["why"], _source(one["source"])]


def prices(book: Book) -> Iterator[Sequence[str]]:
    """Yield the prices; those without a source are marked."""
    for name, one in book.prices.items():
        number = "" if one["per"] == 1 else f"{one['per']:,} "
        yield [
            f"`{name}`",
            f"{one['usd']:.10f}".rstrip("0").rstrip("."),
            f"{number}{one['unit']}",
            _source(one["source"]),
        ]


def _call(call: str) -> str:
    service, _, rest = call.partition(" ")
    return f"{'Cognito' if service.startswith('AWSCognito') else service} {rest}"


def _short(function: str) -> str:
    return function.removesuffix("Function")


def _source(source: str) -> str:
    if not source:
        return "**?**"
    address, _, more = source.partition(" ")
    return f"<{address}> {more}".strip() if address.startswith("http") else source


def _total(lines: Iterable[Line]) -> float:
    return sum(one.dollars for one in lines)


def _money(dollars: float) -> str:
    return f"{dollars:,.2f}" if dollars else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
