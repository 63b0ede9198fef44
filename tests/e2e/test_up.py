"""`tradepost up` when something is in its way: one line that says what, and nothing left behind."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import asked
from tests.e2e.clone import Clone
from tests.e2e.running import STOP_SECONDS, TRADEPOST, Up, eventually, tradepost

pytestmark = pytest.mark.xdist_group("e2e")

Start = Callable[..., Up]


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Start stacks in one folder; none outlives the test."""
    stacks: list[Up] = []

    def begin(*options: str, port: int = 0) -> Up:
        stacks.append(Up(folder, *options, port=port))
        return stacks[-1]

    yield begin
    for up in stacks:
        up.kill()


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def refuses(up: Up, *why: str) -> None:
    """Check that it ends by itself with one line that says why, and leaves nothing."""
    assert up.ends() == 1, (up.said, up.complaints)
    (line,) = up.complaints
    assert line.startswith("tradepost: ")
    assert [word for word in why if word not in line] == [], line
    up.left_nothing()


def test_a_taken_port_is_named_and_so_is_the_way_out(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refuses(start(port=port), f"port {port} is taken", "--port")


def test_a_folder_with_other_files_stays_untouched(start: Start, folder: Path) -> None:
    (folder / "state").mkdir()
    (folder / "state" / "thesis.txt").write_text("years of work")
    up = start()
    assert up.ends() == 1
    assert [line.startswith("tradepost: ") and "--state" in line for line in up.complaints] == [True]
    assert [one.name for one in (folder / "state").iterdir()] == ["thesis.txt"]
    assert up.processes() == []


def test_a_second_stack_in_one_folder_is_refused_and_the_first_runs_on(stack: Up) -> None:
    pid = stack.state.read().pid
    done = tradepost("up", "--port", "0", state=stack.state.folder)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("tradepost: a stack runs in ")
    assert f"process {pid}" in line
    assert stack.state.read().pid == pid
    assert tradepost("url", state=stack.state.folder).returncode == 0


def test_a_template_that_is_no_yaml(start: Start, clone: Clone) -> None:
    clone.change("\nResources:\n", "\nResources: [\n")
    refuses(start(*clone.options), "template.yaml is not valid YAML", "line")


def test_a_template_that_is_not_there(start: Start, tmp_path: Path) -> None:
    refuses(start("--template", str(tmp_path / "none.yaml")), f"there is no {tmp_path / 'none.yaml'}")


def test_a_template_that_sam_refuses(start: Start, clone: Clone) -> None:
    clone.add_resource("  Half:\n    Type: AWS::Serverless::Function\n    Properties: {Runtime: python3.13}\n")
    refuses(start(*clone.options), "template.yaml is not a valid SAM template", "Half")


def test_a_resource_of_an_unknown_kind(start: Start, clone: Clone) -> None:
    clone.add_resource("  Odd:\n    Type: AWS::No::Such\n")
    refuses(start(*clone.options), "the template cannot be deployed", "AWS::No::Such")


def test_a_resource_that_cannot_be_created(start: Start, clone: Clone) -> None:
    clone.change("UserPoolId: !Ref UserPool, Description", "UserPoolId: us-east-1_nosuch, Description")
    refuses(start(*clone.options), "the template cannot be deployed", "AdminGroup", "us-east-1_nosuch")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("QueueBatchSize", "NAME=VALUE"),
        ("QueueBatchsize=5", "has no parameter QueueBatchsize"),
        ("QueueBatchSize=500", "QueueBatchSize"),
    ],
)
def test_a_parameter_that_the_template_does_not_take(start: Start, given: str, why: str) -> None:
    refuses(start("--parameter", given), why)


def test_a_migration_that_fails(start: Start, clone: Clone) -> None:
    broken = clone.src / "adapters" / "postgres" / "migrations" / "inventory" / "999_broken.sql"
    broken.write_text("ALTER TABLE no_such_table ADD COLUMN x int;")
    refuses(start(*clone.options), "DatabaseSchema failed", "no_such_table")


def test_a_function_that_cannot_be_imported(start: Start, clone: Clone) -> None:
    (clone.src / "handlers" / "register_user.py").write_text("import no_such_module")
    told = "user does not start" if asked.services() else "POST /user/register answered 500"
    refuses(start(*clone.options), told, "functions.log")


@pytest.mark.parametrize(
    ("step", "number"),
    [
        ("starting PostgreSQL", signal.SIGINT),
        ("creating the stack's resources", signal.SIGTERM),
        ("registering a customer", signal.SIGINT),
    ],
)
def test_a_start_can_be_stopped_at_any_step(start: Start, step: str, number: signal.Signals) -> None:
    up = start()
    up.reaches(step)
    up.send(number)
    assert up.ends(STOP_SECONDS) == 0
    assert up.complaints == []
    up.left_nothing()


def test_a_start_ends_what_a_killed_stack_left_running(start: Start) -> None:
    killed = start()
    killed.reaches("registering a customer")
    killed.send(signal.SIGKILL)
    assert killed.ends() == -signal.SIGKILL
    assert killed.descendants()
    status = tradepost("status", state=killed.state.folder)
    assert (status.returncode, "no Tradepost stack runs" in status.stderr) == (1, True)
    next_one = start()
    next_one.reaches("reading template.yaml")
    eventually(lambda: not killed.descendants(), why=killed.descendants)
    next_one.send(signal.SIGINT)
    assert next_one.ends(STOP_SECONDS) == 0
    next_one.left_nothing()


def test_the_death_of_the_emulated_aws_ends_the_stack_and_is_told(start: Start) -> None:
    up = start()
    up.ready()
    words = [TRADEPOST, "logs", "--follow", "--state", up.state.folder]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as following:
        assert following.stdout
        assert following.stdout.readline()  # it follows
        up.end_part("ministack")
        refuses(up, "aws ended with status -9", "aws.log")
        assert following.communicate(timeout=10)[1] == ""
        assert following.returncode == 0
