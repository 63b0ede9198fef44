"""Items over HTTP: one's own alone, in pages, and with conditions (RFC 9110, section 13)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.cloud import unique
from tests.events import caller
from tests.integration.conftest import Answer, Call
from tests.together import together

LAMP = {"name": "Lamp", "description": "Bright \U0001f4a1"}
UNKNOWN = "0191c0de-abcd-7000-8000-000000000000"


@pytest.fixture
def ann() -> dict[str, str]:
    """Return somebody who has no items yet."""
    return caller(unique("ann"))


@pytest.fixture
def lamp(call: Call, ann: dict[str, str]) -> Answer:
    """Return the answer to adding Ann's lamp."""
    return call("create_item", LAMP, by=ann)


def put(call: Call, item: Answer, by: Any, if_match: str | None = None, body: Any = None) -> Answer:
    headers = {} if if_match is None else {"if-match": if_match}
    return call("update_item", body or {"name": "Torch"}, by=by, path={"id": item.body["id"]}, headers=headers)


def delete(call: Call, item: Answer, by: Any, if_match: str | None = None) -> Answer:
    headers = {} if if_match is None else {"if-match": if_match}
    return call("delete_item", by=by, path={"id": item.body["id"]}, headers=headers)


def get(call: Call, item: Answer, by: Any, **headers: str) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return call("get_item", by=by, path={"id": item.body["id"]}, headers=sent)


def test_an_item_is_added_and_read_by_its_owner(call: Call, ann: dict[str, str], lamp: Answer) -> None:
    assert lamp.status == 201
    assert set(lamp.body) == {"id", "name", "description", "owner_id", "created_at", "updated_at"}
    assert {name: lamp.body[name] for name in LAMP} == LAMP
    assert lamp.body["owner_id"] == ann["sub"]
    assert lamp.body["created_at"] == lamp.body["updated_at"]
    assert lamp.headers["location"] == f"/item/{lamp.body['id']}"
    assert re.fullmatch(r'"[\x21\x23-\x7e]+"', lamp.headers["etag"])
    read = get(call, lamp, ann)
    assert (read.status, read.body, read.headers["etag"]) == (200, lamp.body, lamp.headers["etag"])


def test_an_item_reads_as_it_was_changed_under_a_new_tag(call: Call, ann: dict[str, str], lamp: Answer) -> None:
    changed = put(call, lamp, ann, body={"name": "Torch", "description": "Dim"})
    again = put(call, lamp, ann, body=LAMP)

    assert (changed.status, again.status) == (200, 200)
    kept = {name: lamp.body[name] for name in ("id", "owner_id", "created_at")}
    assert changed.body == {**kept, "name": "Torch", "description": "Dim", "updated_at": changed.body["updated_at"]}
    assert changed.body["updated_at"] >= lamp.body["updated_at"]
    assert len({one.headers["etag"] for one in (lamp, changed, again)}) == 3
    assert get(call, lamp, ann).body == again.body


def test_what_is_left_out_of_a_change_is_empty(call: Call, ann: dict[str, str], lamp: Answer) -> None:
    assert put(call, lamp, ann, body={"name": "Torch"}).body["description"] == ""


def test_an_item_that_is_removed_is_gone(call: Call, ann: dict[str, str], lamp: Answer) -> None:
    answer = delete(call, lamp, ann)

    assert (answer.status, answer.text) == (204, "")
    assert get(call, lamp, ann).problem() == (404, "not-found")
    assert delete(call, lamp, ann).problem() == (404, "not-found")
    assert put(call, lamp, ann).problem() == (404, "not-found")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "nul\0"}, "name"),
        ({"name": 7}, "name"),
        ({"description": None}, "description"),
        ({"description": "x" * 5001}, "description"),
        ({"description": "nul\0"}, "description"),
        ({"owner_id": "bob"}, "owner_id"),
        ({"id": UNKNOWN}, "id"),
    ],
)
def test_each_broken_rule_is_named(
    call: Call, ann: dict[str, str], lamp: Answer, change: dict[str, Any], field: str
) -> None:
    for answer in (call("create_item", {**LAMP, **change}, by=ann), put(call, lamp, ann, body={**LAMP, **change})):
        assert answer.problem() == (400, "invalid-input")
        assert answer.fields() == [field]
    assert get(call, lamp, ann).body == lamp.body


def test_the_longest_texts_are_kept(call: Call, ann: dict[str, str]) -> None:
    longest = {"name": "\U0001f4a1" * 200, "description": "\U0001f4a1" * 5000}

    added = call("create_item", longest, by=ann)

    assert get(call, added, ann).body == {**added.body, **longest}


def test_an_item_must_have_a_name(call: Call, ann: dict[str, str]) -> None:
    assert call("create_item", {"description": "What is it?"}, by=ann).fields() == ["name"]


@pytest.mark.parametrize("groups", ["", "admin"])
@pytest.mark.parametrize("if_match", [None, "*", '"1"', '"2"'])
def test_another_persons_item_is_as_good_as_none(
    call: Call, ann: dict[str, str], lamp: Answer, groups: str, if_match: str | None
) -> None:
    bob = caller(unique("bob"), groups)

    assert get(call, lamp, bob).problem() == (404, "not-found")
    assert get(call, lamp, bob, if_none_match="*").problem() == (404, "not-found")
    assert put(call, lamp, bob, if_match).problem() == (404, "not-found")
    assert delete(call, lamp, bob, if_match).problem() == (404, "not-found")
    assert call("list_items", by=bob).body == {"items": [], "next_cursor": None}
    assert get(call, lamp, ann).body == lamp.body


@pytest.mark.parametrize("item_id", [UNKNOWN, "x", "\0", "%00", "x" * 5000])
def test_an_item_that_does_not_exist(call: Call, ann: dict[str, str], item_id: str) -> None:
    path = {"id": item_id}

    assert call("get_item", by=ann, path=path).problem() == (404, "not-found")
    assert call("update_item", LAMP, by=ann, path=path).problem() == (404, "not-found")
    assert call("delete_item", by=ann, path=path, headers={"if-match": "*"}).problem() == (404, "not-found")


def test_ones_own_items_are_listed_in_pages_newest_first(call: Call, ann: dict[str, str]) -> None:
    call("create_item", LAMP, by=caller(unique("bob")))
    added = [call("create_item", {"name": f"Lamp {i}"}, by=ann).body for i in range(3)]
    newest = sorted(added, key=lambda one: str(one["id"]), reverse=True)

    first = call("list_items", by=ann, query={"limit": "2"}).body
    second = call("list_items", by=ann, query={"limit": "2", "cursor": first["next_cursor"]}).body

    assert (first["items"], second["items"]) == (newest[:2], newest[2:])
    assert second["next_cursor"] is None
    assert call("list_items", by=ann).body == {"items": newest, "next_cursor": None}


@pytest.mark.parametrize(
    "query", [{"limit": ""}, {"limit": "0"}, {"limit": "101"}, {"cursor": "x"}, {"cursor": "eA=="}]
)
def test_no_such_page(call: Call, ann: dict[str, str], query: dict[str, str]) -> None:
    answer = call("list_items", by=ann, query=query)

    assert answer.problem() == (400, "invalid-input")
    assert answer.fields() == list(query)


MATCHING = ["*", " * ", "{tag}", '"other", {tag}', '{tag},"other"', ' ,, {tag} ,\t"a,b"', "W/{tag}, {tag}"]
OTHERS = ['"other"', "W/{tag}", '""', '"0"', '"02"', '"2,2"', '"1" , W/"2"']


@pytest.mark.parametrize("if_match", MATCHING)
def test_a_write_that_expects_the_version_there_is(
    call: Call, ann: dict[str, str], lamp: Answer, if_match: str
) -> None:
    changed = put(call, lamp, ann, if_match.replace("{tag}", lamp.headers["etag"]))

    assert changed.status == 200
    assert delete(call, lamp, ann, if_match.replace("{tag}", changed.headers["etag"])).status == 204


@pytest.mark.parametrize("if_match", OTHERS)
def test_a_write_that_expects_another_version_changes_nothing(
    call: Call, ann: dict[str, str], lamp: Answer, if_match: str
) -> None:
    changed = put(call, lamp, ann)
    header = if_match.replace("{tag}", changed.headers["etag"])

    assert put(call, lamp, ann, header, LAMP).problem() == (412, "precondition-failed")
    assert delete(call, lamp, ann, header).problem() == (412, "precondition-failed")
    assert put(call, lamp, ann, lamp.headers["etag"], LAMP).problem() == (412, "precondition-failed")
    assert get(call, lamp, ann).body == changed.body


@pytest.mark.parametrize("if_match", ["", " , ", "1", "'1'", '"1', '1"', 'w/"1"', '"1" x', '*, "1"', '"a b"'])
def test_an_expectation_that_cannot_be_read_is_named(
    call: Call, ann: dict[str, str], lamp: Answer, if_match: str
) -> None:
    for answer in (put(call, lamp, ann, if_match), delete(call, lamp, ann, if_match)):
        assert answer.problem() == (400, "invalid-input")
        assert answer.fields() == ["If-Match"]
    assert get(call, lamp, ann).body == lamp.body


def test_of_all_who_expect_one_version_at_once_one_wins(call: Call, ann: dict[str, str], lamp: Answer) -> None:
    def change(i: int) -> Answer:
        return put(call, lamp, ann, lamp.headers["etag"], {"name": f"Lamp {i}"})

    answers = together(6, change)

    (won,) = [one for one in answers if one.status == 200]
    assert [one.problem() for one in answers if one is not won] == [(412, "precondition-failed")] * 5
    assert get(call, lamp, ann).body == won.body


@pytest.mark.parametrize("if_none_match", [*MATCHING, "W/{tag}", "garbage, {tag}"])
def test_a_version_that_the_caller_has_is_not_sent_again(
    call: Call, ann: dict[str, str], lamp: Answer, if_none_match: str
) -> None:
    answer = get(call, lamp, ann, if_none_match=if_none_match.replace("{tag}", lamp.headers["etag"]))

    assert (answer.status, answer.text) == (304, "")
    assert answer.headers["etag"] == lamp.headers["etag"]
    assert "content-type" not in answer.headers


@pytest.mark.parametrize("if_none_match", ['"other"', "", "garbage", 'W/"7"'])
def test_a_version_that_the_caller_does_not_have_is_sent(
    call: Call, ann: dict[str, str], lamp: Answer, if_none_match: str
) -> None:
    answer = get(call, lamp, ann, if_none_match=if_none_match)

    assert (answer.status, answer.body) == (200, lamp.body)


def test_a_table_that_is_missing_is_our_own_mistake(call: Call, ann: dict[str, str], rewire: Any) -> None:
    rewire(ITEMS_TABLE="nowhere")

    for answer in (call("create_item", LAMP, by=ann), call("list_items", by=ann)):
        assert answer.problem() == (500, "unexpected")
        assert "nowhere" not in answer.text
