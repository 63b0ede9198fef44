"""docs/cost.md: what the committed measurement, the prices and the templates make, and nothing else."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from benchmarks.cost.deployed import deployed
from benchmarks.cost.model import (
    CONTAINERS,
    DEV,
    PROD,
    SECONDS,
    Book,
    Missing,
    always_on,
    at_rest,
    break_even,
    ours,
    tasks_month,
    traced,
)
from benchmarks.cost.page import PAGE, page, read_book


@pytest.fixture(scope="module")
def book() -> Book:
    return read_book()


def kinds(parameters: dict[str, str]) -> set[str]:
    return {one.type for one in deployed(**parameters)}


def test_the_page_is_what_measurement_prices_and_templates_make(book: Book) -> None:
    assert PAGE.read_text("utf-8") == page(book), "make cost ARGS=--page"


@pytest.mark.parametrize("name", ["dynamodb_write", "fargate_vcpu_hour"])
def test_another_price_is_another_page(book: Book, name: str) -> None:
    dearer = book.with_price(name, 2 * book.price(name, book.prices[name]["per"]))

    assert page(dearer) != page(book)


@pytest.mark.parametrize("name", ["sqs_request", "secret_month", "load_balancer_hour"])
def test_a_price_that_is_missing_is_named(book: Book, name: str) -> None:
    without = replace(book, prices={one: price for one, price in book.prices.items() if one != name})

    with pytest.raises(Missing, match=name):
        page(without)


def test_an_assumption_that_is_missing_is_named(book: Book) -> None:
    without = replace(book, assumptions={})

    with pytest.raises(Missing, match="no assumption"):
        page(without)


def test_a_resource_of_which_nobody_says_what_it_costs_is_named(book: Book) -> None:
    unsaid = replace(book, free=[one for one in book.free if one != "AWS::SNS::Topic"])

    with pytest.raises(Missing, match="AWS::SNS::Topic"):
        at_rest(unsaid, PROD)


def test_deploy_md_names_no_unit_price_that_the_table_does_not(book: Book) -> None:
    text = (PAGE.parent / "deploy.md").read_text("utf-8")
    choices = text.partition("## What each choice costs a month")[2].partition("### Edge")[0]
    known = {float(price["usd"]) for price in book.prices.values()}
    saved_by_an_endpoint = {7.30, 0.035}

    assert {float(one) for one in re.findall(r"\$([\d.]*\d)", choices)} <= known | saved_by_an_endpoint


def test_prices_without_a_source_are_marked(book: Book) -> None:
    unsure = {name for name, price in book.prices.items() if not price["source"]}
    marked = {
        line.split("`")[1] for line in page(book).partition("## Prices")[2].splitlines() if line.endswith("**?** |")
    }

    assert marked == unsure


def test_every_cent_at_rest_comes_from_a_resource_that_a_condition_lets_be_made() -> None:
    assert "AWS::EC2::NatGateway" in kinds(PROD)
    assert "AWS::EC2::NatGateway" not in kinds(DEV)
    assert {"AWS::ECS::Service", "AWS::ElasticLoadBalancingV2::LoadBalancer"} == {
        one for one in kinds(CONTAINERS) - kinds(PROD) if one.endswith(("::Service", "::LoadBalancer"))
    }


def test_a_nested_stack_gets_the_parameters_that_its_parent_gives_it() -> None:
    def least(parameters: dict[str, str]) -> int:
        (cluster,) = (one for one in deployed(**parameters) if one.type == "AWS::RDS::DBCluster")
        return int(cluster.properties["ServerlessV2ScalingConfiguration"]["MinCapacity"])

    assert (least(DEV), least(PROD)) == (0, 1)


def test_few_invocations_are_traced_one_and_all_and_many_by_the_rate(book: Book) -> None:
    assert traced(book, 0) == traced(book, 1) == 1
    assert traced(book, 1000) == pytest.approx(book.assumed("trace_rate"), rel=0.05)


def test_work_that_takes_twice_as_long_costs_time_on_lambda_alone(book: Book) -> None:
    once, twice = (ours(one, "order", 1) for one in (book, book.doubled("core_factor")))

    assert {kind for kind in once if twice[kind] != once[kind]} == {"Lambda, time"}


def test_where_containers_break_even_both_cost_the_same(book: Book) -> None:
    found = break_even(book, "item read")
    assert found

    saved = ours(book, "item read", found.per_second).total() - always_on(book, "item read", found.per_second).total()
    assert saved * found.month == pytest.approx(tasks_month(book), rel=0.001)
    assert found.month == pytest.approx(found.per_second * SECONDS)
