"""The folder of a stack: one owner, nothing left but logs, and never somebody else's files."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local.state import LocalError, SignIn, StackInfo, State

INFO = StackInfo(
    pid=4711,
    url="http://127.0.0.1:1",
    lambda_url="http://127.0.0.1:2",
    aws_url="http://127.0.0.1:3",
    region="us-east-1",
    access_key="key",
    secret_key="hidden-key",
    database={"password": "hidden-password"},
    outputs={"ApiUrl": "http://127.0.0.1:1"},
    resources={"OrdersQueue": "orders"},
    users={"admin": SignIn("admin", "hidden-sign-in")},
    log="functions.log",
)


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


@pytest.fixture
def sleeper() -> Iterator[psutil.Process]:
    """Run a process that does nothing."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        yield psutil.Process(child.pid)
        child.kill()


def test_what_a_stack_tells_is_read_while_it_runs(state: State) -> None:
    with state.owned():
        state.write(INFO)
        assert state.read() == INFO
    with pytest.raises(LocalError, match="no Tradepost stack runs in"):
        state.read()


def test_only_the_owner_can_read_the_keys(state: State) -> None:
    with state.owned():
        state.write(INFO)
        assert stat.S_IMODE((state.folder / "stack.json").stat().st_mode) == 0o600


def test_secrets_do_not_show_in_a_representation() -> None:
    assert "hidden" not in repr(INFO)


def test_a_stack_that_was_killed_does_not_run(state: State) -> None:
    with state.owned():
        state.write(INFO)
        left = (state.folder / "stack.json").read_bytes()
    (state.folder / "stack.json").write_bytes(left)
    with pytest.raises(LocalError, match="no Tradepost stack runs"):
        state.read()


def test_a_folder_has_one_owner(state: State) -> None:
    with state.owned():
        with pytest.raises(LocalError, match="just starting"), State(state.folder).owned():
            pass
        state.write(INFO)
        with pytest.raises(LocalError, match="process 4711"), State(state.folder).owned():
            pass
        assert state.read() == INFO


def test_only_logs_outlive_a_stack_whatever_ended_it(state: State) -> None:
    with pytest.raises(RuntimeError), state.owned():
        state.write(INFO)
        (state.log / "functions.log").write_text("said")
        (state.tmp / "scratch").touch()
        state.postgres.mkdir()
        raise RuntimeError
    assert {one.name for one in state.folder.iterdir()} == {"lock", "log", "tradepost-state"}
    assert (state.log / "functions.log").read_text() == "said"


def test_a_new_stack_begins_with_an_empty_log(state: State) -> None:
    for _ in range(2):
        with state.owned():
            assert list(state.log.iterdir()) == []
            (state.log / "functions.log").touch()


def test_a_folder_with_other_files_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(LocalError, match="holds other files"), State(tmp_path).owned():
        pass
    assert [one.name for one in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalError, match="cannot be used: Not a directory"), State(tmp_path / "file" / "in").owned():
        pass


def test_the_next_stack_ends_what_a_killed_one_left(state: State, sleeper: psutil.Process) -> None:
    with state.owned():
        state.remember_child(sleeper.pid, sleeper.create_time())
        left = (state.folder / "children.json").read_bytes()
    (state.folder / "children.json").write_bytes(left)
    with state.owned():
        assert not sleeper.is_running() or sleeper.status() == psutil.STATUS_ZOMBIE
        assert state.children() == []


def test_a_pid_that_belongs_to_another_program_now_is_left_alone(state: State, sleeper: psutil.Process) -> None:
    with state.owned():
        pass
    state.remember_child(sleeper.pid, sleeper.create_time() - 3600)
    with state.owned():
        assert sleeper.is_running()


def test_a_damaged_list_of_children_names_nobody(state: State) -> None:
    with state.owned():
        (state.folder / "children.json").write_text("[{")
        assert state.children() == []
