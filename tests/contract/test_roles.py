"""Each service's role: what its adapter does is allowed, all that is allowed is needed, and nothing else goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from adapters.memory.others import MemoryProducts, MemoryPublisher
from adapters.postgres.database import Database, Server
from adapters.postgres.decisions import PostgresDecisions
from adapters.postgres.products import PostgresProducts
from adapters.postgres.roles import GRANTS, ensure_role, set_password
from adapters.postgres.users import PostgresUsers
from domain.catalog.products import deactivate_product
from domain.errors import Unavailable
from domain.identity.users import Claim, User
from tests.servers import opened_as_service
from tests.shop import NOON, Clock, Shop, key, product

Services = dict[str, Database]
Denied = psycopg.errors.InsufficientPrivilege
GRANTED = [
    (database, table, right)
    for database, tables in GRANTS.items()
    for table, rights in tables.items()
    for right in rights.split(", ")
]


def trade(database: Database) -> None:
    """Do all that functions do with orders and stock."""
    shop = Shop(PostgresDecisions(database), MemoryProducts())
    shop.sell("TEA", on_hand=10)
    under = key()
    order = shop.place(("TEA", 2), under=under)
    assert shop.place(("TEA", 2), under=under).id == order.id
    shop.allocate(order.id)
    shop.ship(order.id)
    assert shop.store.movement(shop.take_back("TEA", 1, order).id)
    assert len(shop.store.movements("TEA", 10)) == 2
    shop.cancel(shop.place(("TEA", 1)).id)
    assert len(shop.store.events(order.id)) == 3
    assert len(shop.store.orders_of("ann", 10)) == 2
    assert shop.store.levels_of(["TEA"]) == shop.store.stock_levels(10)
    Shop(shop.store, shop.products, Losing(), shop.clock).place(("TEA", 1))
    shop.clock.tick(hours=1)
    assert shop.sweep().resent
    assert shop.relay()
    shop.clock.tick(days=1)
    assert shop.store.open_orders(shop.clock(), 10).number == 1
    assert shop.store.prune(shop.clock(), 10)
    assert shop.store.backlog().number == 0


class Losing(MemoryPublisher):
    """Sends nothing."""

    def send(self, messages: Any) -> Any:
        return []


def sell(database: Database) -> None:
    """Do all that functions do with the catalogue."""
    products = PostgresProducts(database)
    products.add(product("TEA"))
    products.change(product("TEA", 300))
    deactivate_product("TEA", products, Clock())
    assert products.find(["TEA"])
    assert not products.page(10)


def enrol(database: Database) -> None:
    """Do all that functions do with profiles."""
    users = PostgresUsers(database)
    ann, claim = User("1", "ann", "ann@example.com", "Ann", NOON), Claim.of("ann@example.com", "ann", NOON)
    later = replace(claim, at=NOON + timedelta(seconds=1))
    assert users.claim(claim, None)
    assert users.claim(later, claim)
    users.release(later)
    users.add(ann)
    users.add(ann)
    assert users.holder("ann@example.com")
    assert users.get("1") == ann
    assert users.page(10) == [ann]
    users.remove(ann)


USES: dict[str, Callable[[Database], None]] = {"inventory": trade, "product": sell, "user": enrol}


@pytest.mark.parametrize("name", GRANTS)
def test_a_service_may_do_what_its_functions_do(name: str, clean_databases: Services, services: Services) -> None:
    USES[name](services[name])


@pytest.mark.parametrize(("name", "table", "right"), GRANTED)
def test_every_right_is_needed(
    name: str, table: str, right: str, clean_databases: Services, services: Services
) -> None:
    master = clean_databases[name].connection()
    master.execute(f"REVOKE {right} ON {table} FROM {name}_service")
    try:
        with pytest.raises(Denied, match=table):
            USES[name](services[name])
    finally:
        master.execute(f"GRANT {right} ON {table} TO {name}_service")


@pytest.mark.parametrize("name", GRANTS)
def test_what_is_granted_is_all_that_there_is(name: str, databases: Services) -> None:
    """To the role itself or, through it, to everybody: tables, sequences, columns, the schema and the database."""
    granted = databases[name].query(
        "WITH given (thing, acl) AS ("
        " SELECT relname, relacl FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " UNION ALL SELECT attname, attacl FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
        "  WHERE relnamespace = 'public'::regnamespace"
        " UNION ALL SELECT proname, proacl FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        " UNION ALL SELECT nspname, nspacl FROM pg_namespace WHERE nspname = 'public'"
        " UNION ALL SELECT 'later ones', defaclacl FROM pg_default_acl"
        " UNION ALL SELECT datname, datacl FROM pg_database WHERE datname = current_database())"
        " SELECT thing, privilege_type FROM given, aclexplode(acl) WHERE grantee IN (0, %s::regrole)",
        [f"{name}_service"],
    )

    tables = {(table, right) for database, table, right in GRANTED if database == name}
    assert set(granted) == tables | {("public", "USAGE"), (name, "CONNECT")}


@pytest.mark.parametrize("name", GRANTS)
def test_a_role_is_no_more_than_its_grants(name: str, databases: Services) -> None:
    """It has no power over the server, is in no other role, and owns nothing."""
    role = f"{name}_service"

    powers = databases[name].query(
        "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles WHERE rolname = %s",
        [role],
    )

    assert powers == [(False,) * 5]
    assert databases[name].query("SELECT FROM pg_auth_members WHERE member = %s::regrole", [role]) == []
    owned = "SELECT FROM pg_shdepend WHERE refobjid = %s::regrole::oid AND deptype = 'o'"
    assert databases[name].query(owned, [role]) == []


@pytest.mark.parametrize("name", GRANTS)
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "SELECT * FROM schema_migrations",
        "CREATE ROLE another LOGIN",
        "CREATE DATABASE another",
        "ALTER ROLE CURRENT_USER CREATEDB",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT * FROM pg_authid",
    ],
)
def test_a_service_may_do_nothing_else(name: str, statement: str, services: Services) -> None:
    with pytest.raises(Denied):
        services[name].execute(statement)


@pytest.mark.parametrize(("name", "table"), [(name, table) for name, tables in GRANTS.items() for table in tables])
def test_a_service_changes_no_table_itself(name: str, table: str, services: Services) -> None:
    for statement in ("TRUNCATE {}", "DROP TABLE {}", "ALTER TABLE {} ADD COLUMN mine int"):
        with pytest.raises(Denied):
            services[name].execute(statement.format(table))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM orders",
        "DELETE FROM product_info",
        "UPDATE order_lines SET quantity = 1",
        "UPDATE order_events SET status = 'PLACED'",
        "DELETE FROM order_events",
        "UPDATE movements SET quantity = 1",
        "DELETE FROM movements",
    ],
)
def test_what_was_decided_stays(statement: str, services: Services) -> None:
    """The audit trail above all."""
    with pytest.raises(Denied):
        services["inventory"].execute(statement)


@pytest.mark.parametrize(("name", "other"), [(a, b) for a in GRANTS for b in GRANTS if a != b])
def test_a_service_cannot_enter_what_is_others(
    name: str, other: str, services: Services, another: Callable[..., Database]
) -> None:
    with pytest.raises(Unavailable):
        another(other, services[name].server).connection()


def test_making_a_role_again_takes_back_what_it_should_not_have(
    databases: Services, postgres_server: Server, services: Services
) -> None:
    master = databases["product"]
    master.execute("GRANT ALL ON products TO product_service; GRANT SELECT ON schema_migrations TO PUBLIC")

    ensure_role(master, opened_as_service(postgres_server, "product"), GRANTS["product"])

    for statement in ("DELETE FROM products", "SELECT * FROM schema_migrations"):
        with pytest.raises(Denied):
            services["product"].execute(statement)
    master.close()


@pytest.mark.parametrize("name", GRANTS)
def test_timeouts_of_the_role_hold(name: str, services: Services) -> None:
    """They stand on the role, because RDS Proxy refuses start-up options."""
    services[name].close()

    shown = [
        services[name].query(f"SHOW {setting}")
        for setting in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    ]

    assert shown == [[("20s",)], [("5s",)], [("1min",)]]


def test_a_statement_that_sets_a_password_does_not_have_it(
    another: Callable[..., Database], postgres_server: Server
) -> None:
    """A server may log its statements; they have what verifies a password."""
    master, looking = another().connection(), another()

    set_password(master, replace(postgres_server, username="product_service"))

    ((statement,),) = looking.query("SELECT query FROM pg_stat_activity WHERE pid = %s", [master.info.backend_pid])
    assert "SCRAM-SHA-256$" in statement
    assert postgres_server.password not in statement
