"""`make bench`: how it judges, compares and draws, and that its figures are of equal answers."""

from __future__ import annotations

import json
import sysconfig
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from benchmarks import packages, results, stub
from benchmarks.bounds import Bound, Median, Ratio, judged
from benchmarks.chart import chart
from benchmarks.contest import Contest, Contestant, Differ, hold, http_answer
from benchmarks.endpoints import aws, certified
from benchmarks.get_item import OTHERS, VARIABLES, asks
from benchmarks.runtime_client import under_client
from local.state import ROOT

TURNS = {
    "read": {
        "ours": [{"cold_ms": 10.0, "warm_us": [1.0, 2.0, 9.0]}, {"cold_ms": 30.0, "warm_us": [4.0]}],
        "peer": [{"cold_ms": 20.0, "warm_us": [4.0]}, {"cold_ms": 20.0, "warm_us": [4.0]}],
    }
}


def test_a_ratio_is_the_median_of_each_rounds() -> None:
    assert Ratio("read", "cold_ms", "peer")(TURNS) == pytest.approx((0.5 + 1.5) / 2)
    assert Ratio("read", "warm_us", "peer")(TURNS) == pytest.approx((0.5 + 1.0) / 2)


def test_a_ratio_tells_of_the_processor_time_where_every_turn_knows_it() -> None:
    known = {"read": {name: [{"cold_ms": 9.0, "cold_cpu_ms": cpu}] for name, cpu in (("ours", 2.0), ("peer", 4.0))}}
    bounds = [Bound("cold", Ratio("read", "cold_ms", "peer"), 1), Bound("ms", Median("read", "cold_ms"))]

    assert [one["cpu"] for one in judged(bounds, known)] == [0.5, None]
    assert [one["cpu"] for one in judged(bounds, TURNS)] == [None, None]


@pytest.mark.parametrize(
    ("wanted", "at_least", "met"),
    [(20, False, True), (19, False, False), (20, True, True), (21, True, False), (None, False, None)],
)
def test_a_bound_is_met_or_not_as_its_figure_is(wanted: float | None, at_least: bool, met: bool | None) -> None:  # noqa: FBT001
    (found,) = judged([Bound("cold", Median("read", "cold_ms"), wanted, at_least=at_least)], TURNS)

    assert (found["figure"], found["met"]) == (20, met)


def test_bounds_of_contests_that_were_not_held_are_left_out() -> None:
    assert judged([Bound("cold", Median("write", "cold_ms"), 1)], TURNS) == []


def test_a_bound_of_nobody_is_no_bound() -> None:
    with pytest.raises(KeyError):
        judged([Bound("cold", Ratio("read", "cold_ms", "nobody"), 1)], TURNS)


def test_what_is_published_is_what_was_found() -> None:
    found = json.loads(results.PUBLISHED.read_text())

    assert results.page(results.PAGE.read_text(), found) == results.PAGE.read_text()


def run(**changed: Any) -> results.Run:
    return {
        **results.run(TURNS, judged([Bound("cold", Median("read", "cold_ms"), 19, unit="ms")], TURNS), 2),
        **changed,
    }


def test_a_run_holds_medians_and_what_it_ran_on() -> None:
    found = run()

    assert found["contests"]["read"]["ours"] == {
        "cold_ms": 20,
        "warm_us": 3,
        "warm_p99_us": 9,
        "ours_cold": 1,
        "ours_warm": 1,
    }
    assert {"date", "commit", "python", "processor", "processors", "load", "rounds"} < found.keys()


def test_a_run_is_compared_with_the_one_before_by_ratios() -> None:
    before = run(contests={"read": {"ours": {"cold_ms": 40.0, "warm_us": 3.0}}})

    assert results.changes(run(), before) == [["read: ours", "0.50 x", "1.00 x", "", ""]]
    assert results.wishes(run(), before) == [["cold", "20.00 ms", "", "20.00", "<= 19", "NO"]]
    assert results.wishes(run(), None) == [["cold", "20.00 ms", "", "", "<= 19", "NO"]]


def test_a_run_of_some_contests_leaves_the_others_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "LAST", tmp_path / "bench" / "results.json")
    results.save(run(contests={"write": {"ours": {"cold_ms": 1.0}}}, bounds=[]), None)
    results.save(run(), results.previous())

    kept = results.previous()
    assert kept
    assert list(kept["contests"]) == ["write", "read"]
    assert [one["what"] for one in kept["bounds"]] == ["cold"]


def test_a_run_is_shown_with_what_misses_its_bound(capsys: pytest.CaptureFixture[str]) -> None:
    results.show(run(), run())

    shown = capsys.readouterr().out
    assert "read: peer" in shown
    assert "NO" in shown
    assert "Now to the run before" in shown


def test_the_page_holds_the_tables_of_the_last_run_alone() -> None:
    text = "before\n<!-- figures -->\nstale figures\n<!-- end of figures -->\nafter\n"
    once = results.page(text, run())

    assert results.page(once, run()) == once
    assert "stale figures" not in once
    assert once.startswith("before\n<!-- figures -->\n")
    assert once.endswith("<!-- end of figures -->\nafter\n")
    assert "| read: ours | 20 |" in once


def test_the_committed_page_has_a_place_for_figures() -> None:
    assert "| read: ours | 20 |" in results.page(results.PAGE.read_text(), run())


def test_a_chart_is_xml_with_a_bar_for_each_figure() -> None:
    drawn = ET.fromstring(chart('"Cold" & more', "ms", {"read": {"ours": 50.0, "peer <1>": 100.0}}))

    bars = list(drawn.iter("{http://www.w3.org/2000/svg}rect"))
    assert [one.get("class") for one in bars] == ["ours", "peer"]
    assert float(bars[1].get("width", 0)) == pytest.approx(2 * float(bars[0].get("width", 0)))
    assert "peer <1>" in [one.text for one in drawn.iter("{http://www.w3.org/2000/svg}text")]


INSTALLED = Path(sysconfig.get_path("purelib"))
CONTESTANTS = {
    "ours": Contestant("handlers.get_item.handler", [ROOT / "src", INSTALLED]),
    "bare": Contestant("get_item_bare.handler", [ROOT / "benchmarks" / "contestants", INSTALLED]),
}


def read(contestants: Mapping[str, Contestant], others: Mapping[str, Any]) -> Contest:
    event = asks(stub.ITEM)
    return Contest("read", contestants, event, VARIABLES, others, stub="get_item", warm=2, alike=http_answer)


def test_ours_and_boto3_alone_answer_alike_in_processes_of_their_own() -> None:
    turns = hold(read(CONTESTANTS, OTHERS), 1)

    for (one,) in turns.values():
        assert one["answer"]["statusCode"] == 200
        assert {name: answer["statusCode"] for name, answer in one["others"].items()} == {
            "missing": 404,
            "somebody else's": 404,
            "no id": 404,
            "known": 304,
            "changed since": 200,
        }
        assert one["calls"] == 1
        assert len(one["warm_us"]) == 2
        assert one["rss_mb"] > 10
        assert one["modules"] > 100


def test_contestants_that_answer_otherwise_have_no_figures() -> None:
    other = {**CONTESTANTS, "ours": Contestant("handlers.health.handler", [ROOT / "src", INSTALLED])}

    with pytest.raises(Differ, match="read, "):
        hold(read(other, {}), 1)


def test_what_a_process_complains_of_is_told() -> None:
    with pytest.raises(RuntimeError, match="No module named 'nobody'"):
        hold(read({"nobody": Contestant("nobody.handler", [])}, {}), 1)


def test_aws_over_tls_is_reached_by_those_alone_who_know_its_authority(tmp_path: Path) -> None:
    bundle = tmp_path / "authorities.pem"
    with certified() as (tls, authority), certified() as (_, another), aws(stub.get_item, tls) as url:
        there = {**VARIABLES, "AWS_ENDPOINT_URL": url, "AWS_CA_BUNDLE": str(bundle)}
        contest = replace(read({"bare": CONTESTANTS["bare"]}, {}), environment=there, stub=None)
        bundle.write_text(authority)
        ((one,),) = hold(contest, 1).values()
        bundle.write_text(another)

        with pytest.raises(RuntimeError, match="certificate verify failed"):
            hold(contest, 1)

    assert one["answer"]["statusCode"] == 200
    assert 0 < one["request_ms"] < one["cold_ms"]


def test_ours_and_boto3_alone_answer_alike_under_awss_runtime_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "peer", lambda _: INSTALLED)
    with aws(stub.get_item) as url:
        there = {**VARIABLES, "AWS_ENDPOINT_URL": url}
        turns = hold(replace(read(CONTESTANTS, {}), environment=there, stub=None, turn=under_client), 1)

    for (one,) in turns.values():
        assert one["answer"]["statusCode"] == 200
        assert 0 < one["import_ms"] < one["cold_ms"]
        assert one["cold_cpu_ms"] > 0
        assert one["warm_cpu_us"] > 0
        assert len(one["warm_us"]) == 2


def test_a_process_that_ends_under_awss_runtime_client_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "peer", lambda _: INSTALLED)

    with pytest.raises(RuntimeError, match="nobody"):
        hold(replace(read({"nobody": Contestant("nobody.handler", [ROOT])}, {}), turn=under_client), 1)
