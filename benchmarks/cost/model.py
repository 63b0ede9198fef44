"""Dollars from what was measured, the prices and the assumptions: of an operation, of a month at rest, of designs."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from adapters.aws import PARALLEL
from benchmarks.cost.deployed import Resource, deployed

PRICES = Path(__file__).with_name("prices.toml")
MILLION = 1_000_000
HOURS = 730
"""Of a month, as AWS's own calculator has it."""
SECONDS = HOURS * 3600
GB = 1024**3
DEV, PROD = {"Stage": "dev"}, {"Stage": "prod", "AlarmEmail": "ops@shop.example"}
CONTAINERS = {
    **PROD,
    "UserStore": "postgres",
    "ServiceImage": "000000000000.dkr.ecr.us-east-1.amazonaws.com/tradepost/service:1",
    "ProxyImage": "000000000000.dkr.ecr.us-east-1.amazonaws.com/tradepost/proxy:1",
}
AUTHORIZER, CREATE = "AuthorizerFunction", "CreateOrderFunction"
PLACING, DECIDING, SHIPPING, SHOWING = "placing it", "deciding it", "shipping it", "showing the stock"
STEPS = {
    AUTHORIZER: PLACING,
    CREATE: PLACING,
    "ProcessOrdersFunction": DECIDING,
    "UpdateStocksFunction": SHIPPING,
    "ProjectInventoryFunction": SHOWING,
}
READS = ("GetItem", "Query", "Scan", "BatchGetItem")


class Cost(dict[str, float]):
    """Dollars by what they are paid for."""

    def __missing__(self, kind: str) -> float:
        return 0.0

    def __add__(self, other: Mapping[str, float]) -> Cost:
        return Cost({kind: self[kind] + other.get(kind, 0.0) for kind in (*self, *other)})

    def __mul__(self, factor: float) -> Cost:
        return Cost({kind: dollars * factor for kind, dollars in self.items()})

    def total(self) -> float:
        """Return all of it."""
        return sum(self.values())


class Missing(LookupError):
    """prices.toml has no price or assumption of this name, or nobody has said what a resource costs."""


@dataclass(frozen=True)
class Book:
    """The prices, the assumptions, and what was measured."""

    measured: Mapping[str, Any]
    prices: Mapping[str, Mapping[str, Any]]
    assumptions: Mapping[str, Mapping[str, Any]]
    free: Sequence[str]
    about: Mapping[str, str]

    @classmethod
    def of(cls, measured: Mapping[str, Any], table: str) -> Book:
        """Return the book of a measurement and the text of prices.toml."""
        told = tomllib.loads(table)
        return cls(measured, told["prices"], told["assumptions"], told["at_rest"]["free"], told["about"])

    def price(self, name: str, quantity: float = 1) -> float:
        """Return what so much costs. Raises Missing."""
        if name not in self.prices:
            raise Missing(f"there is no price {name}: say it in {PRICES.name}")
        return float(self.prices[name]["usd"]) * quantity / float(self.prices[name]["per"])

    def assumed(self, name: str) -> float:
        """Return an assumption. Raises Missing."""
        if name not in self.assumptions:
            raise Missing(f"there is no assumption {name}: say it in {PRICES.name}")
        return float(self.assumptions[name]["value"])

    def doubled(self, name: str) -> Book:
        """Return the book with one assumption doubled."""
        twice = {**self.assumptions[name], "value": 2 * self.assumed(name)}
        return replace(self, assumptions={**self.assumptions, name: twice})

    def with_price(self, name: str, usd: float) -> Book:
        """Return the book with another price."""
        return replace(self, prices={**self.prices, name: {**self.prices[name], "usd": usd}})

    def operation(self, name: str) -> Mapping[str, Any]:
        """Return what was measured of one operation."""
        found: Mapping[str, Any] = self.measured["operations"][name]
        return found


@dataclass(frozen=True)
class Invocation:
    """One invocation of a function, on average; `calls` to AWS by name, of which `side_by_side` wait together.

    `tables` says how many units their items take.
    """

    cpu_ms: float
    statements: float
    log_bytes: float
    calls: Mapping[str, Mapping[str, float]]
    tables: Mapping[str, Mapping[str, float]]
    side_by_side: int = 1


def invocation(book: Book, operation: str, function: str) -> Invocation:
    """Return one invocation of a function, as it was measured within an operation."""
    told = book.operation(operation)
    used = told["functions"][function]
    times = used["invocations"]
    calls = {call: {unit: one / times for unit, one in units.items()} for call, units in used["calls"].items()}
    cpu_ms, statements, log_bytes = (used[name] / times for name in ("cpu_ms", "statements", "log_bytes"))
    side_by_side = PARALLEL if function == "ProjectInventoryFunction" else 1
    return Invocation(cpu_ms, statements, log_bytes, calls, told["tables"], side_by_side)


def memory(function: str) -> float:
    """Return a function's memory in MB."""
    return float(_resource("AWS::Lambda::Function", function).properties["MemorySize"])


def lambda_ms(book: Book, one: Invocation, megabytes: float) -> float:
    """Return the milliseconds that Lambda would bill: work at the function's share of a processor, and waits."""
    work = one.cpu_ms * book.assumed("core_factor") * book.assumed("vcpu_mb") / megabytes
    waits = sum(units["times"] * _wait_ms(book, call) for call, units in one.calls.items()) / one.side_by_side
    cold = book.assumed("cold_share") * book.assumed("cold_ms")
    return math.ceil(work + one.statements * book.assumed("statement_ms") + waits) + cold


def _wait_ms(book: Book, call: str) -> float:
    if call.startswith("AWSCognito"):
        return book.assumed("sign_in_call_ms")
    return book.assumed("table_call_ms" if call.startswith("DynamoDB") else "queue_call_ms")


def invoked(book: Book, name: str, one: Invocation, times: float, per_second: float) -> Cost:
    """Return what so many invocations cost, where so many operations a second make so many of them."""
    seconds = lambda_ms(book, one, memory(name)) / 1000
    away = "VpcConfig" in _resource("AWS::Lambda::Function", name).properties
    cost = Cost()
    cost["Lambda, calls"] += book.price("lambda_request")
    cost["Lambda, time"] += book.price("lambda_gb_second", seconds * memory(name) / 1024)
    cost["traces"] += book.price("trace", traced(book, times * per_second))
    cost["logs"] += book.price("log_gb", (one.log_bytes + book.assumed("platform_log_bytes")) / GB)
    return (cost + called(book, one, away=away)) * times


def called(book: Book, one: Invocation, *, away: bool) -> Cost:
    """Return what one invocation's calls cost; `away` is a function in the network, which pays for the way out."""
    cost = Cost()
    for call, units in one.calls.items():
        service, _, rest = call.partition(" ")
        if service == "DynamoDB":
            operation, _, table = rest.partition(" ")
            cost["tables"] += _table_cost(book, operation, table, units, one.tables)
        elif service == "AmazonSQS":
            cost["queues"] += book.price("sqs_request", units["times"])
        elif service == "Kinesis":
            cost["stream"] += book.price("kinesis_put_unit", units["put_units"])
        elif service == "secretsmanager":
            cost["database"] += book.price("secret_call", units["times"])
        if away and service in ("AmazonSQS", "Kinesis"):
            cost["network"] += book.price("nat_gb", (units["sent"] + units["received"]) / GB)
    return cost


def _table_cost(
    book: Book, operation: str, table: str, units: Mapping[str, float], sizes: Mapping[str, Mapping[str, float]]
) -> float:
    if operation == "Scan":
        return book.price("dynamodb_read", units["received"] / 4096)
    if operation in READS:
        return book.price("dynamodb_read", units["times"] * sizes[table]["read_units"])
    writes = 2 * units["items"] if operation == "TransactWriteItems" else units["times"]
    indexes = len(_resource("AWS::DynamoDB::Table", table).properties.get("GlobalSecondaryIndexes", []))
    return book.price("dynamodb_write", writes * sizes[table]["write_units"] * (1 + indexes))


def traced(book: Book, per_second: float) -> float:
    """Return the share of invocations that are traced: some a second always, and a part of the others."""
    sure = min(1.0, book.assumed("trace_reservoir") / per_second) if per_second else 1.0
    return sure + (1 - sure) * book.assumed("trace_rate")


@cache
def _resource(kind: str, name: str) -> Resource:
    return next(one for one in deployed(**PROD) if one.type == kind and one.name == name)


# -- ours ---------------------------------------------------------------------------------------------


def frequency(book: Book, name: str, function: str) -> float:
    """Return how often an operation invokes a function: the authorizer by the rule of its kept answers."""
    if function == AUTHORIZER:
        return 1 / book.assumed("reads_a_visit") if name.endswith("read") else 1.0
    return float(book.operation(name)["functions"][function]["invocations"])


def functions_of(book: Book, name: str) -> Mapping[str, Invocation]:
    """Return one invocation of each function of an operation; the authorizer's from where it was asked each time."""
    found = {one: invocation(book, name, one) for one in book.operation(name)["functions"] if one != AUTHORIZER}
    if name in ("item read", "item write") or name.startswith("order"):
        found[AUTHORIZER] = invocation(book, "order", AUTHORIZER)
    return found


def by_step(book: Book, name: str, per_second: float) -> Mapping[str, Cost]:
    """Return what an operation costs by function, and "the call" for what its call costs before one runs."""
    steps = {
        function: invoked(book, function, one, frequency(book, name, function), per_second)
        for function, one in functions_of(book, name).items()
    }
    for function in ("ProcessOrdersFunction", "UpdateStocksFunction"):
        if function in steps:  # Lambda receives a batch and deletes it
            steps[function]["queues"] += book.price("sqs_request", 2 * frequency(book, name, function))
    return {**steps, "the call": _front(book, name), "": _kept(book, name)}


def _front(book: Book, name: str) -> Cost:
    one = book.operation(name)
    return Cost({
        "API Gateway": book.price("http_api_request", one["requests"]),
        "logs": book.price("log_gb", one["requests"] * book.assumed("access_log_bytes") / GB),
        "network": book.price("internet_gb", one["answered_bytes"] / GB),
    })  # fmt: skip


def _kept(book: Book, name: str) -> Cost:
    """Return what PostgreSQL's writes and Cognito's people cost, which are the same in all designs."""
    cost = Cost({"database": book.price("aurora_io", book.operation(name)["wal_bytes"] / book.assumed("io_bytes"))})
    if name == "login":
        cost["Cognito"] = book.price("cognito_lite", 1 / book.assumed("sign_ins_a_person"))
    return cost


def ours(book: Book, name: str, per_second: float) -> Cost:
    """Return what an operation costs."""
    return sum(by_step(book, name, per_second).values(), Cost())


# -- always-on containers -----------------------------------------------------------------------------


def always_on(book: Book, name: str, per_second: float) -> Cost:
    """Return what an operation costs beside the tasks: what answers the call runs in them, the rest as ours."""
    cost = _kept(book, name) + _front(book, name)
    del cost["API Gateway"]
    connections = book.operation(name)["requests"] / book.assumed("connections_a_unit") / 3600
    cost["load balancer"] = book.price("load_balancer_unit_hour", connections)
    for function, one in functions_of(book, name).items():
        times = frequency(book, name, function)
        if function == AUTHORIZER:
            continue
        if STEPS.get(function, PLACING) == PLACING:
            cost += called(book, one, away=True) * times
            cost["logs"] += book.price("log_gb", one.log_bytes * times / GB)
        else:
            cost += by_step(book, name, per_second)[function]
    return cost


# -- design D, naively --------------------------------------------------------------------------------


def naive(book: Book, name: str, per_second: float) -> Cost:
    """Return what an operation costs where one message is one invocation, and a line one statement or two."""
    if not name.startswith("order"):
        return ours(book, name, per_second)
    lines = book.measured["order"]["lines"]
    steps = {
        CREATE: (2 * lines + 3, 1),  # each line's price is read and the line written; BEGIN, the order, COMMIT
        "ProcessOrdersFunction": (2 * lines + 5, 1),  # each line is read and written; the peer's other five
        "UpdateStocksFunction": (lines + 5, 0),
    }
    cost = by_step(book, name, per_second)[AUTHORIZER] + _front(book, name) + _kept(book, name)
    for function, (statements, messages) in steps.items():
        cost += invoked(book, function, _naive_step(book, function, statements, messages), 1, per_second)
    cost["queues"] += book.price("sqs_request", 4)  # two are received and deleted
    return cost


def naive_showing(book: Book, per_second: float) -> Cost:
    """Return what it costs besides to stream each change by itself, and to write each record by itself."""
    records = 2 * book.measured["order"]["lines"] + 3
    call = book.measured["one_by_one"]["record_ms"]
    put = {
        "Kinesis PutRecord": {"times": records, "put_units": records, "sent": records * 400, "received": records * 200}
    }
    tables = book.operation("order")["tables"]
    sender = Invocation(records * call, 0, 0, put, tables)
    more = invoked(book, CREATE, sender, 1, per_second)
    for paid_already in ("Lambda, calls", "traces", "logs"):
        del more[paid_already]
    write = {"DynamoDB UpdateItem InventoryTable": {"times": 1.0}}
    return more + invoked(book, "ProjectInventoryFunction", Invocation(call, 0, 0, write, tables), records, per_second)


def _naive_step(book: Book, function: str, statements: float, messages: int) -> Invocation:
    measured = book.measured["one_by_one"]
    own = invocation(book, "order", function)
    calls = {"AmazonSQS SendMessage": {"times": 1, "sent": 200, "received": 150}} if messages else {}
    work = measured["message_ms"] + statements * measured["statement_ms"]
    return Invocation(work, statements, own.log_bytes, calls, own.tables)


# -- a month at rest ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """What rests and costs: so many of something, and dollars a month."""

    part: str
    what: str
    dollars: float


def at_rest(book: Book, parameters: Mapping[str, str], tasks: float | None = None) -> list[Line]:
    """Return the lines of a month in which nobody orders; `tasks` of each service, unless those assumed."""
    made = deployed(**parameters)
    lines: dict[str, list[Line]] = {}
    for one in made:
        if one.type in book.free or one.type.startswith("Custom::"):
            continue
        if one.type not in PAID:
            raise Missing(f"what does {one.name} cost at rest, which is an {one.type}? Say it in {PRICES.name}")
        for line in PAID[one.type](book, one, made, tasks):
            lines.setdefault(line.what, []).append(line)
    summed = [Line(some[0].part, what, sum(one.dollars for one in some)) for what, some in lines.items()]
    return [one for one in [*summed, _own_metrics(book, made)] if one.dollars]


def rest_of_naive(book: Book) -> list[Line]:
    """Return the lines of design D: without a stream, and without rounds, as it has no outbox."""
    return [one for one in at_rest(book, PROD) if one.part not in ("stream", "rounds")]


def _own_metrics(book: Book, made: tuple[Resource, ...]) -> Line:
    names = {
        metric
        for one in made
        if one.type == "AWS::Scheduler::Schedule"
        for metric in book.operation(_scheduled(one))["functions"][_scheduled(one)]["own_metrics"]
    }
    return Line("rounds", "own metrics of the scheduled rounds", book.price("metric_month", len(names)))


def _scheduled(schedule: Resource) -> str:
    return schedule.name[: schedule.name.index("Function")] + "Function"


def _fixed(part: str, what: str, price: str, quantity: float = 1) -> Callable[..., list[Line]]:
    return lambda book, *_: [Line(part, what, book.price(price, quantity))]


def _alarm(book: Book, one: Resource, *_: Any) -> list[Line]:
    metrics = [metric for metric in one.properties.get("Metrics", [{"MetricStat": {}}]) if "MetricStat" in metric]
    watches_version = "ExecutedVersion" in str(one.properties.get("Dimensions"))
    what = "alarms of new versions" if watches_version else "alarms"
    return [Line("watching", what, book.price("alarm_metric_month", len(metrics)))]


def _stream(book: Book, one: Resource, *_: Any) -> list[Line]:
    on_demand = one.properties["StreamModeDetails"]["StreamMode"] == "ON_DEMAND"
    price, number = ("kinesis_on_demand_hour", 1) if on_demand else ("kinesis_shard_hour", one.properties["ShardCount"])
    return [Line("stream", "stream", book.price(price, HOURS * number))]


def _endpoint(book: Book, one: Resource, *_: Any) -> list[Line]:
    zones = len(one.properties["SubnetIds"]) if one.properties["VpcEndpointType"] == "Interface" else 0
    return [Line("network", "endpoints", book.price("endpoint_hour", HOURS * zones))]


def _polls(book: Book, one: Resource, *_: Any) -> list[Line]:
    asked = 0.0 if "StartingPosition" in one.properties else SECONDS / book.assumed("poll_seconds")
    return [Line("queues", "Lambda asking empty queues", book.price("sqs_request", asked * book.assumed("pollers")))]


def _round(book: Book, one: Resource, *_: Any) -> list[Line]:
    number, unit = one.properties["ScheduleExpression"].removeprefix("rate(").removesuffix(")").split(" ")
    every = float(number) * (60 if unit.startswith("minute") else 3600)
    function = _scheduled(one)
    each = ours(book, function, 1 / every) + Cost({"schedule": book.price("schedule_invocation")})
    return [Line("rounds", "scheduled rounds, with their traces and logs", each.total() * SECONDS / every)]


def _cluster(book: Book, one: Resource, made: tuple[Resource, ...], _: float | None) -> list[Line]:
    least = float(one.properties["ServerlessV2ScalingConfiguration"]["MinCapacity"])
    instances = sum(other.type == "AWS::RDS::DBInstance" for other in made)
    if least:
        return [
            Line("database", f"Aurora, {instances} instances", book.price("aurora_acu_hour", HOURS * least * instances))
        ]
    awake = HOURS * book.assumed("awake_minutes") / 60 * 0.5
    return [Line("database", "Aurora, mostly paused", book.price("aurora_acu_hour", awake))]


def _service(book: Book, _: Resource, made: tuple[Resource, ...], tasks: float | None) -> list[Line]:
    size = next(one.properties for one in made if one.type == "AWS::ECS::TaskDefinition")
    hours = HOURS * (tasks or book.assumed("tasks_of_a_service"))
    vcpus = book.price("fargate_vcpu_hour", hours * float(size["Cpu"]) / 1024)
    return [
        Line("tasks", "tasks on Fargate", vcpus + book.price("fargate_gb_hour", hours * float(size["Memory"]) / 1024))
    ]


def _insights(book: Book, *_: Any) -> list[Line]:
    return [
        Line("watching", "container insights", book.price("insights_metric_month", book.assumed("insights_metrics")))
    ]


PAID: Mapping[str, Callable[..., list[Line]]] = {
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::Dashboard": _fixed("watching", "dashboard", "dashboard_month"),
    "AWS::EC2::EIP": _fixed("network", "the NAT gateway's address", "address_hour", HOURS),
    "AWS::EC2::NatGateway": _fixed("network", "NAT gateway", "nat_hour", HOURS),
    "AWS::EC2::VPCEndpoint": _endpoint,
    "AWS::ECS::Cluster": _insights,
    "AWS::ECS::Service": _service,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _fixed("tasks", "load balancer", "load_balancer_hour", HOURS),
    "AWS::KMS::Key": _fixed("watching", "the alarms' key", "kms_key_month"),
    "AWS::Kinesis::Stream": _stream,
    "AWS::Lambda::EventSourceMapping": _polls,
    "AWS::RDS::DBCluster": _cluster,
    "AWS::Scheduler::Schedule": _round,
    "AWS::SecretsManager::Secret": _fixed("database", "secrets", "secret_month"),
}


# -- from what load containers are cheaper ----------------------------------------------------------------------


@dataclass(frozen=True)
class BreakEven:
    """From `month` operations a month on, `per_second` on average, tasks are cheaper; `share` of what they carry."""

    month: float
    per_second: float
    share: float


def tasks_month(book: Book) -> float:
    """Return what the containers cost a month more than functions alone, at rest."""
    return sum(one.dollars for one in at_rest(book, CONTAINERS)) - sum(one.dollars for one in at_rest(book, PROD))


def break_even(book: Book, name: str) -> BreakEven | None:
    """Return from when on containers are cheaper for an operation; None when its tasks would not carry so many."""
    fixed = tasks_month(book)
    carried = book.assumed("task_requests") * book.assumed("tasks_of_a_service")

    def saved(per_second: float) -> float:
        each = ours(book, name, per_second).total() - always_on(book, name, per_second).total()
        return each * per_second * SECONDS - fixed

    if saved(carried) < 0:
        return None
    low, high = 0.0, carried
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if saved(middle) > 0 else (middle, high)
    return BreakEven(high * SECONDS, high, high / carried)
