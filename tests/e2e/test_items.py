"""Items on the running stack: through the front door, with each function's own role."""

from __future__ import annotations

import pytest

from tests.e2e.running import eventually
from tests.e2e.shop import Shop, at_once, problem

pytestmark = pytest.mark.xdist_group("e2e")


def test_an_item_is_kept_for_its_owner_from_its_first_to_its_last_version(shop: Shop) -> None:
    owner, other = shop.customer(), shop.customer()
    added = owner("POST", "/item", {"name": "Lamp", "description": "Bright"})
    assert added.status_code == 201
    path, tag = added.headers["Location"], added.headers["ETag"]
    assert owner.get(path) == added.json()
    listed = eventually(lambda: owner.get("/item")["items"])
    assert listed == [added.json()]

    same = owner("GET", path, headers={"If-None-Match": tag})
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    assert problem(other("GET", path)) == (404, "not-found")
    assert problem(other("DELETE", path)) == (404, "not-found")
    assert other.get("/item") == {"items": [], "next_cursor": None}

    changed = owner("PUT", path, {"name": "Torch"}, headers={"If-Match": tag})
    assert (changed.status_code, changed.json()["description"]) == (200, "")
    assert problem(owner("DELETE", path, headers={"If-Match": tag})) == (412, "precondition-failed")
    assert owner("DELETE", path, headers={"If-Match": changed.headers["ETag"]}).status_code == 204
    assert problem(owner("GET", path)) == (404, "not-found")


def test_of_all_who_change_one_version_at_once_one_wins(shop: Shop) -> None:
    owner = shop.customer()
    added = owner("POST", "/item", {"name": "Lamp"})
    path, condition = added.headers["Location"], {"If-Match": added.headers["ETag"]}

    answers = at_once(4, lambda i: owner("PUT", path, {"name": f"Lamp {i}"}, headers=condition))

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    (won,) = [answer for answer in answers if answer.status_code == 200]
    assert owner.get(path) == won.json()


def test_the_slash_that_some_clients_write_leads_to_the_items(shop: Shop) -> None:
    owner = shop.customer()
    redirect = owner("POST", "/item/", {"name": "Lamp"})
    assert (redirect.status_code, redirect.headers["Location"]) == (308, "/item")
