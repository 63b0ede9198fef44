"""Registration, invitations, signing in, leaving; and what heals after a step that broke off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.memory.items import MemoryItems
from adapters.memory.people import MemoryCognito, MemoryUsers
from domain.errors import Conflict, InFlight, InvalidInput, NotFound, Unauthenticated, Unavailable
from domain.identity.accounts import Answer, Challenge, Registration, SignedIn, Standing, Tokens
from domain.identity.enrolling import LEASE, LIFE, invite_user, is_registering, register_user
from domain.identity.leaving import PAGE, delete_user
from domain.identity.signing_in import answer_challenge, login_user
from domain.identity.users import Claim, User, get_user
from domain.items.items import AddItem, add_item
from tests.shop import NOON, Clock, new_id

ANN = Registration("ann", "ann@example.com", "Ann Lee", "a long password")
OTHER = replace(ANN, username="other")
ADDRESS = "203.0.113.7"


class House:
    """The sign-in service, the profiles and a clock."""

    def __init__(self, users: MemoryUsers | None = None) -> None:
        self.clock = Clock()
        self.cognito = MemoryCognito(self.clock)
        self.users = users or MemoryUsers()

    def register(self, registration: Registration = ANN) -> User:
        return register_user(
            registration, accounts=self.cognito, directory=self.cognito, users=self.users, clock=self.clock
        )

    def invite(self, email: str = ANN.email) -> User:
        return invite_user(email, "Ann Lee", directory=self.cognito, users=self.users, clock=self.clock)

    def confirm(self, username: str = ANN.username) -> None:
        self.cognito.confirm(username, MemoryCognito.CODE)

    def login(self, username: str = ANN.username, password: str = ANN.password) -> Tokens | Challenge:
        return login_user(username, password, ADDRESS, directory=self.cognito, users=self.users, clock=self.clock)

    def everybody(self) -> list[str]:
        return [one.username for one in self.users.page(10)]


@pytest.fixture
def house() -> House:
    return House()


def breaking_once(port: Any, name: str, error: Exception, *, after: bool = False) -> None:
    """Let one call of a port fail, before or after its effect."""
    real: Callable[..., Any] = getattr(port, name)

    def fail(*arguments: Any, **named: Any) -> Any:
        setattr(port, name, real)
        if after:
            real(*arguments, **named)
        raise error

    setattr(port, name, fail)


def test_a_registration_makes_an_account_and_its_profile(house: House) -> None:
    user = house.register()

    assert (user.username, user.email, user.name, user.created_at) == ("ann", "ann@example.com", "Ann Lee", NOON)
    assert get_user(user.id, house.users) == user


def test_a_taken_username_makes_no_second_profile_and_leaves_the_email_free(house: House) -> None:
    first = house.register()

    with pytest.raises(Conflict, match="username"):
        house.register(replace(ANN, email="other@example.com"))

    assert house.everybody() == ["ann"]
    assert get_user(first.id, house.users) == first
    assert house.register(Registration("ben", "other@example.com", "Ben", ANN.password))


@pytest.mark.parametrize("email", [ANN.email, "ANN@Example.com"])
def test_an_email_belongs_to_one_user(house: House, email: str) -> None:
    house.register()

    with pytest.raises(Conflict, match="email"):
        house.register(replace(OTHER, email=email))
    with pytest.raises(Conflict, match="email"):
        house.invite(email)

    assert (house.everybody(), house.cognito.usernames()) == (["ann"], ["ann"])


def test_a_weak_password_takes_nothing(house: House) -> None:
    with pytest.raises(InvalidInput):
        house.register(replace(ANN, password="short"))

    assert house.register(OTHER).email == ANN.email


def test_one_registration_at_a_time_has_an_email(house: House) -> None:
    """Of a hundred at once only one reaches the sign-in service."""
    seen: list[Exception] = []
    real = house.cognito.sign_up

    def meanwhile(registration: Registration) -> str:
        for wanted in (OTHER, ANN):
            with pytest.raises(InFlight) as error:
                house.register(wanted)
            seen.append(error.value)
        return real(registration)

    house.cognito.sign_up = meanwhile  # type: ignore[method-assign] # somebody else comes between
    house.register()

    assert len(seen) == 2
    assert (house.everybody(), house.cognito.usernames()) == (["ann"], ["ann"])


def test_who_is_overtaken_between_looking_and_claiming_is_refused(house: House) -> None:
    real = house.users.holder

    def slow(email: str) -> Claim | None:
        found = real(email)
        house.users.claim(Claim.of(email, "other", NOON), None)
        return found

    house.users.holder = slow  # type: ignore[method-assign] # somebody else comes between
    with pytest.raises(InFlight):
        house.register()

    assert house.cognito.usernames() == []


@pytest.mark.parametrize("step", ["claim", "add"])
@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after it"])
def test_a_registration_that_broke_off_succeeds_at_the_next_try(house: House, step: str, *, after: bool) -> None:
    breaking_once(house.users, step, Unavailable("down"), after=after)
    with pytest.raises(Unavailable):
        house.register()

    house.clock.tick(seconds=LEASE.total_seconds())
    try:
        house.register()
    except Conflict:  # everything had been done but for the answer
        assert (step, after) == ("add", True)

    assert (house.everybody(), house.cognito.usernames()) == (["ann"], ["ann"])
    house.confirm()
    assert house.login()


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after it"])
def test_a_sign_up_that_broke_off_succeeds_at_once_at_the_next_try(house: House, *, after: bool) -> None:
    breaking_once(house.cognito, "sign_up", Unavailable("down"), after=after)
    with pytest.raises(Unavailable):
        house.register()

    user = house.register()

    assert (house.everybody(), house.cognito.usernames()) == (["ann"], ["ann"])
    house.confirm()
    assert house.login()
    assert get_user(user.id, house.users) == user


def test_a_process_that_died_half_way_blocks_its_email_for_moments_only(house: House) -> None:
    """It leaves a claim and an account, and nobody who could give them up."""
    house.users.claim(Claim.of(ANN.email, ANN.username, NOON), None)
    house.cognito.sign_up(ANN)

    with pytest.raises(InFlight):
        house.register(OTHER)
    house.clock.tick(seconds=LEASE.total_seconds())

    assert house.register(OTHER).username == "other"
    assert (house.everybody(), house.cognito.usernames()) == (["other"], ["other"])


def test_what_died_before_the_sign_up_blocks_nothing(house: House) -> None:
    house.users.claim(Claim.of(ANN.email, ANN.username, NOON), None)
    house.clock.tick(seconds=LEASE.total_seconds())

    assert house.register(OTHER)


def test_a_claim_of_a_username_that_became_somebody_elses_harms_nobody(house: House) -> None:
    """It died before it could give the email up; the username is another person's, who stays."""
    house.users.claim(Claim.of(ANN.email, "ben", NOON), None)
    ben = house.register(Registration("ben", "ben@example.com", "Ben", ANN.password))
    house.clock.tick(days=2)

    house.register()

    assert get_user(ben.id, house.users) == ben
    assert house.cognito.usernames() == ["ann", "ben"]


def test_half_way_accounts_that_somebody_has_confirmed_are_theirs(house: House) -> None:
    house.users.claim(Claim.of(ANN.email, ANN.username, NOON), None)
    house.cognito.sign_up(ANN)
    house.confirm()
    house.clock.tick(days=2)

    for wanted in (ANN, OTHER):
        with pytest.raises(Conflict):
            house.register(wanted)
    assert house.login()
    assert house.everybody() == ["ann"]


def test_a_registration_that_nobody_confirmed_gives_way_when_its_code_has_ended(house: House) -> None:
    """Nobody can keep somebody else's email, or a username, by registering it and never confirming."""
    first = house.register()
    house.clock.tick(hours=48)
    with pytest.raises(Conflict):
        house.register(OTHER)
    house.clock.tick(seconds=1)

    second = house.register(OTHER)

    assert house.users.get(first.id) is None
    assert (house.everybody(), house.cognito.usernames()) == (["other"], ["other"])
    house.clock.tick(days=3)
    assert house.register(replace(OTHER, email="new@example.com")).id != second.id
    assert (house.everybody(), house.cognito.usernames()) == (["other"], ["other"])
    assert house.users.holder(ANN.email) is None


def test_a_person_may_begin_anew_when_the_code_has_ended(house: House) -> None:
    first = house.register()
    house.clock.tick(days=3)

    second = house.register(replace(ANN, password="another password"))

    assert second.id != first.id
    assert (house.everybody(), house.cognito.usernames()) == (["ann"], ["ann"])
    house.confirm()
    assert house.login(password="another password")


def test_confirmed_people_never_give_way(house: House) -> None:
    house.register()
    house.confirm()
    house.clock.tick(days=1000)

    for wanted in (ANN, OTHER, replace(ANN, email="new@example.com")):
        with pytest.raises(Conflict):
            house.register(wanted)
    assert house.login()


def test_an_email_is_free_when_its_account_was_removed_by_hand(house: House) -> None:
    first = house.register()
    house.cognito.remove(first.id)

    assert house.register(OTHER)
    assert house.everybody() == ["other"]


def test_an_email_is_free_when_its_account_was_removed_and_its_username_is_anothers(house: House) -> None:
    first = house.register()
    house.cognito.remove(first.id)
    house.cognito.sign_up(replace(ANN, email="another@example.com"))
    house.confirm()

    house.register(OTHER)

    assert (house.everybody(), house.cognito.usernames()) == (["other"], ["ann", "other"])
    assert house.login()


def test_who_gets_in_while_somebody_takes_over_keeps_everything(house: House) -> None:
    user = house.register()
    house.clock.tick(days=3)
    real = house.users.claim

    def meanwhile(wanted: Claim, instead_of: Claim | None) -> bool:
        house.users.claim = real  # type: ignore[method-assign] # once
        house.confirm()
        return real(wanted, instead_of)

    house.users.claim = meanwhile  # type: ignore[method-assign] # somebody else comes between
    with pytest.raises(Conflict):
        house.register(OTHER)

    assert get_user(user.id, house.users) == user
    holder = house.users.holder(ANN.email)
    assert holder
    assert (holder.user_id, house.cognito.usernames()) == (user.id, ["ann"])
    assert house.login()


def test_an_invitation_is_a_profile_and_a_sign_in_with_a_password_to_set(house: House) -> None:
    user = house.invite("Cleo@example.com")

    assert (user.username, user.email) == ("cleo@example.com", "Cleo@example.com")
    challenge = house.login(user.username, MemoryCognito.FIRST)
    assert isinstance(challenge, Challenge)
    tokens = answer_challenge(
        Answer(user.username, challenge, "my own password"),
        ADDRESS,
        directory=house.cognito,
        users=house.users,
        clock=house.clock,
    )
    assert isinstance(tokens, Tokens)
    assert get_user(user.id, house.users) == user


def test_an_invitation_waits_for_as_long_as_its_first_password_lives(house: House) -> None:
    first = house.invite()
    house.clock.tick(days=7)
    for again in (house.register, house.invite):
        with pytest.raises(Conflict):
            again()
    house.clock.tick(seconds=1)

    second = house.invite()

    assert house.users.get(first.id) is None
    assert isinstance(house.login(second.username, MemoryCognito.FIRST), Challenge)
    assert house.everybody() == [ANN.email]


def test_an_invitation_that_broke_off_succeeds_at_the_next_try(house: House) -> None:
    breaking_once(house.users, "add", Unavailable("down"))
    with pytest.raises(Unavailable):
        house.invite()

    user = house.invite()

    account = house.cognito.find(ANN.email)
    assert account
    assert (account.subject, account.standing) == (user.id, Standing.INVITED)
    assert house.everybody() == [ANN.email]


def test_nobody_has_a_profile_before_registering() -> None:
    with pytest.raises(NotFound):
        get_user("nobody", MemoryUsers())


def test_a_registration_that_broke_off_heals_at_the_next_sign_in(house: House) -> None:
    breaking_once(house.users, "add", Unavailable("down"))
    with pytest.raises(Unavailable):
        house.register()
    house.confirm()

    assert house.login()

    (healed,) = house.users.page(2)
    assert (healed.username, healed.email, healed.name) == (ANN.username, ANN.email, ANN.name)
    holder = house.users.holder(ANN.email)
    assert holder
    assert holder.user_id == healed.id


def test_a_sign_in_leaves_a_profile_as_it_is(house: House) -> None:
    user = house.register()
    house.confirm()
    house.clock.tick(days=1)

    house.login()

    assert get_user(user.id, house.users) == user


@pytest.fixture
def signed_in(house: House) -> tuple[User, Tokens]:
    """Return Ann, who has registered, confirmed and signed in."""
    user = house.register()
    house.confirm()
    tokens = house.login()
    assert isinstance(tokens, Tokens)
    return user, tokens


def test_who_leaves_takes_everything_along_that_is_theirs_alone(house: House, signed_in: tuple[User, Tokens]) -> None:
    (ann, tokens), items = signed_in, MemoryItems()
    for owner in (ann.id, "somebody else"):
        for _ in range(PAGE + 1):
            add_item(AddItem(owner, "A thing", ""), items=items, clock=house.clock, new_id=new_id)

    delete_user(ann.id, tokens.access_token, accounts=house.cognito, users=house.users, items=items)

    assert not items.page(ann.id, 1)
    assert len(items.page("somebody else", PAGE + 2)) == PAGE + 1
    assert (house.everybody(), house.cognito.usernames()) == ([], [])
    with pytest.raises(Unauthenticated):
        house.login()
    assert house.register(OTHER)


def test_leaving_can_be_asked_for_again_when_it_broke_off(house: House, signed_in: tuple[User, Tokens]) -> None:
    ann, tokens = signed_in
    breaking_once(house.cognito, "close", Unavailable("down"))

    for _ in range(2):
        try:
            delete_user(ann.id, tokens.access_token, accounts=house.cognito, users=house.users, items=MemoryItems())
        except Unavailable:
            assert house.cognito.usernames() == ["ann"]

    assert (house.everybody(), house.cognito.usernames()) == ([], [])


def test_a_token_that_was_signed_out_removes_nothing(house: House, signed_in: tuple[User, Tokens]) -> None:
    ann, tokens = signed_in
    items = MemoryItems()
    add_item(AddItem(ann.id, "A thing", ""), items=items, clock=house.clock, new_id=new_id)
    house.cognito.logout(tokens.access_token)

    with pytest.raises(Unauthenticated):
        delete_user(ann.id, tokens.access_token, accounts=house.cognito, users=house.users, items=items)

    assert get_user(ann.id, house.users) == ann
    assert len(items.page(ann.id, 2)) == 1


def test_what_is_made_while_somebody_leaves_is_removed_too(house: House, signed_in: tuple[User, Tokens]) -> None:
    (ann, tokens), items = signed_in, MemoryItems()
    real = house.cognito.close

    def meanwhile(token: str) -> None:
        add_item(AddItem(ann.id, "A thing", ""), items=items, clock=house.clock, new_id=new_id)
        real(token)

    house.cognito.close = meanwhile  # type: ignore[method-assign] # they go on elsewhere
    delete_user(ann.id, tokens.access_token, accounts=house.cognito, users=house.users, items=items)

    assert not items.page(ann.id, 1)


def test_whose_email_is_anothers_by_now_comes_in_without_a_profile(house: House) -> None:
    """They left, but for their account, and registered anew under another name; they can leave again."""
    house.register()
    house.confirm()
    house.users.remove(house.users.page(1)[0])
    house.users.add(User("subject-9", "other", ANN.email, "Ann", NOON))

    assert isinstance(house.login(), Tokens)
    assert house.everybody() == ["other"]


def test_whose_email_is_not_shown_to_be_theirs_claims_none(house: House) -> None:
    house.register()
    house.confirm()
    house.users.remove(house.users.page(1)[0])
    signed_in = house.cognito.login(ANN.username, ANN.password, ADDRESS)
    assert isinstance(signed_in, SignedIn)
    house.cognito.login = lambda *_: replace(signed_in, email=None)  # type: ignore[method-assign] # changed, and not verified

    assert isinstance(house.login(), Tokens)
    assert (house.everybody(), house.users.holder(ANN.email)) == ([], None)


def test_a_code_has_ended_before_its_account_gives_way() -> None:
    """Source: Cognito Developer Guide, "Quotas": a code is valid for 24 hours; one may be asked for until then."""
    assert LIFE[Standing.UNCONFIRMED] >= 2 * timedelta(hours=24)


def test_an_account_is_made_only_while_its_registration_is_under_way(house: House) -> None:
    """What Cognito asks in the midst of its sign-up."""
    asked: list[bool] = []
    sign_up = house.cognito.sign_up

    def asking(registration: Registration) -> str:
        asked.append(is_registering("Ann", "ANN@example.com", house.users, house.clock))
        return sign_up(registration)

    house.cognito.sign_up = asking  # type: ignore[method-assign]

    assert not is_registering("ann", ANN.email, house.users, house.clock)
    house.register()
    assert asked == [True]
    assert not is_registering("ann", ANN.email, house.users, house.clock)


@pytest.mark.parametrize(("username", "email"), [("eve", ANN.email), ("ann", "eve@example.com")])
def test_nobody_makes_an_account_beside_somebody_elses_registration(house: House, username: str, email: str) -> None:
    house.users.claim(Claim.of(ANN.email, "ann", NOON), instead_of=None)

    assert is_registering("ann", ANN.email, house.users, house.clock)
    assert not is_registering(username, email, house.users, house.clock)


def test_a_registration_that_broke_off_lets_nobody_in_later(house: House) -> None:
    house.users.claim(Claim.of(ANN.email, "ann", NOON), instead_of=None)
    house.clock.tick(seconds=LEASE.total_seconds())

    assert not is_registering("ann", ANN.email, house.users, house.clock)
