"""What `sam build` makes of each function: small, reproducible, and with all that the function needs."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from delivery.packages.reach import SRC, module_of, reached, services
from local.state import ROOT
from tests import packaged, signing
from tests.template import environment, functions

pytestmark = pytest.mark.timeout(300)

LIMITS = {"jwt": 20, "psycopg": 45, "botocore": 22}
"""Most megabytes of a package, by the first of these libraries that it has."""
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "cognito-idp": ("list_user_pools", {"MaxResults": 1}),
    "dynamodb": ("list_tables", {}),
    "kinesis": ("list_streams", {}),
    "secretsmanager": ("list_secrets", {}),
    "sqs": ("list_queues", {}),
}
FUNCTIONS = {name: one["Handler"].split(".")[1] for name, one in functions().items()}


@cache
def imported(function: str) -> frozenset[str]:
    """Return the names of others' modules that a function can import."""
    return frozenset(reached(module_of(function))[1])


ALIKE = {imported(function): function for function in FUNCTIONS}
"""One function of those that import the same: their packages differ in nothing."""
SAMPLES = ("AuthorizerFunction", "CreateUserFunction")
"""Together they have every library."""

Package = Callable[..., Path]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """Return a function that returns the package of a function, made once for all that import the same."""

    @cache
    def made(function: str, architecture: str | None) -> Path:
        return packaged.assembled(function, tmp_path_factory.mktemp(function) / "package", architecture)

    return lambda function, architecture=packaged.HERE: made(ALIKE[imported(function)], architecture)


class _Aws(BaseHTTPRequestHandler):
    """Answers each call with nothing, and publishes the keys of tokens."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._answer({})

    def do_GET(self) -> None:
        self._answer({"keys": [signing.jwk()]})

    def _answer(self, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """Return the URL of what stands in for AWS."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Aws) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def variables(function: str, aws: str) -> dict[str, str]:
    """Return what Lambda and the template give a function, and where AWS is."""
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ENDPOINT_URL": aws}
    return {**environment(FUNCTIONS[function]), **keys}


def calls(function: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return a call of each service whose client a function can make."""
    own, _ = reached(module_of(function))
    return {service: CALLS[service] for service in services(own)}


PROGRAM = """
import importlib.util
import handlers.MODULE
for service, (operation, parameters) in CALLS.items():
    from adapters.aws import client
    answer = getattr(client(service), operation)(**parameters)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200, answer
if importlib.util.find_spec("psycopg"):
    import psycopg
    assert psycopg.pq.__impl__ == "binary"
    try:
        psycopg.connect("postgresql://127.0.0.1:1/x?connect_timeout=1")
    except psycopg.OperationalError:
        pass
if importlib.util.find_spec("email_validator"):
    from handlers.user_body import PersonBody
    assert PersonBody(email="ada@EXAMPLE.com", name="Ada").email == "ada@example.com"
"""


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_function_starts_from_its_package_alone_and_reaches_every_service_that_it_uses(
    package: Package, aws: str, function: str
) -> None:
    program = PROGRAM.replace("MODULE", FUNCTIONS[function]).replace("CALLS", repr(calls(function)))

    done = packaged.run(package(function), program, variables(function, aws))

    assert done.returncode == 0, done.stderr


def test_each_service_that_the_code_asks_for_is_called_from_some_package() -> None:
    assert {service for function in FUNCTIONS for service in calls(function)} == set(CALLS)
    assert services(SRC.rglob("*.py")) == sorted(CALLS)


def test_the_authorizer_verifies_a_token_with_what_its_package_has(package: Package, aws: str) -> None:
    event = {"version": "2.0", "headers": {"authorization": f"Bearer {signing.token()}"}}
    program = f"import types, handlers.authorizer; print(handlers.authorizer.handler({event!r}, CONTEXT))"
    context = {"function_name": "f", "memory_limit_in_mb": 1, "invoked_function_arn": "arn", "aws_request_id": "id"}
    own = {"JWKS_URL": f"{aws}/keys", "STAGE": "local", "TOKEN_ISSUER": signing.ISSUER}

    done = packaged.run(
        package("AuthorizerFunction"),
        program.replace("CONTEXT", f"types.SimpleNamespace(**{context!r})"),
        {**variables("AuthorizerFunction", aws), **own, "TOKEN_CLIENT_IDS": signing.CLIENT_ID},
    )

    assert "'isAuthorized': True" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_packages_are_within_their_limits_on_either_architecture(package: Package, architecture: str) -> None:
    for function in ALIKE.values():
        made = package(function, architecture)
        limit = next(most for library, most in LIMITS.items() if library in packaged.libraries(made))
        assert packaged.megabytes(made) <= limit, function


@pytest.mark.parametrize(("architecture", "machine"), [("x86_64", 62), ("arm64", 183)])
def test_compiled_libraries_are_for_the_architecture_that_is_asked_for(
    package: Package, architecture: str, machine: int
) -> None:
    """Whatever machine builds; the numbers are those of ELF's header."""
    for function in SAMPLES:
        found = {file.name: file.read_bytes()[18:20] for file in packaged.binaries(package(function, architecture))}
        assert found
        assert {int.from_bytes(one, "little") for one in found.values()} == {machine}


def test_a_package_has_the_libraries_that_its_function_can_import_and_no_others(package: Package) -> None:
    heavy = {"botocore", "psycopg", "pydantic", "jwt", "email_validator"}
    for function in ALIKE.values():
        has = packaged.libraries(package(function)) & heavy
        assert has == {"botocore" if one == "boto3" else one for one in imported(function)} & heavy, function
    assert packaged.libraries(package("AuthorizerFunction")) & heavy == {"jwt"}
    assert packaged.libraries(package("GetItemFunction")) & heavy == {"botocore"}


def test_two_builds_in_two_places_are_the_same(package: Package, tmp_path: Path) -> None:
    clone = tmp_path / "another" / "clone"
    for name in ("delivery", "src", "requirements"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    (clone / "stacks").mkdir()
    for name in ("template.yaml", "stacks/items.yaml"):
        shutil.copy(ROOT / name, clone / name)

    for function in SAMPLES:
        again = packaged.assembled(function, tmp_path / function, clone=clone)
        assert packaged.digest(again) == packaged.digest(package(function))


def test_every_module_is_compiled_and_nobody_will_look_whether_its_source_has_changed(package: Package) -> None:
    """PEP 552: the second word of the header is 1 for a hash that is not checked."""
    for function in SAMPLES:
        made = package(function)
        for source in made.rglob("*.py"):
            compiled = source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"
            assert compiled.read_bytes()[4:8] == b"\1\0\0\0", source


def test_a_traceback_names_the_files_as_they_are_on_lambda(package: Package) -> None:
    done = packaged.run(package("GetItemFunction"), "import domain.errors\nprint(domain.errors.Conflict.__doc__)", {})
    assert done.returncode == 0, done.stderr

    compiled = package("GetItemFunction") / "domain/__pycache__/errors.cpython-313.pyc"
    assert b"/var/task/domain/errors.py" in compiled.read_bytes()


def test_a_package_holds_nothing_of_who_built_it(package: Package) -> None:
    names = {file.name for file in packaged.files(package("CreateUserFunction"))}

    assert not names & {"Makefile", "requirements.txt", "RECORD", "INSTALLER", "py.typed"}
    assert {"openapi.json", "docs.html", "rds-ca.pem", "001_users.sql", "METADATA"} <= names


def test_a_service_that_is_missing_is_told_with_what_to_do(package: Package, aws: str) -> None:
    program = "from adapters.aws import client\nclient('sns')"

    done = packaged.run(package("GetItemFunction"), program, variables("GetItemFunction", aws))

    assert done.returncode == 1
    assert "built without sns" in done.stderr.splitlines()[-1]
    assert 'client("sns")' in done.stderr.splitlines()[-1]


def test_a_package_that_cannot_verify_tokens_says_how_to_build_one(package: Package, aws: str) -> None:
    program = "from handlers.http.request import Request\nRequest({'headers': {}}, None).caller()"
    handler = {**variables("GetItemFunction", aws), "TOKENS_VERIFIED_BY": "handler"}

    done = packaged.run(package("GetItemFunction"), program, handler)

    assert done.returncode == 1
    assert "TOKENS_VERIFIED_BY: handler into the" in done.stderr.splitlines()[-1]
