"""What a build and a smoke test do, run here as CodeBuild runs it: docker, aws and sam stand in for themselves."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from delivery import configuration, smoke
from tests import buildspec
from tests.template import template

PUSHED = {"COMMIT": "c0ffee", "IMAGES": "tradepost", "REGISTRY": "1.dkr.example", "PACKAGES": "bucket"}
STAND_IN = """#!/usr/bin/env bash
echo "$(basename "$0") $*" >> "$CALLS"
case "$(basename "$0") $1" in
  "docker manifest") [[ $THERE == *"$3"* ]] ;;
  "docker login") cat > /dev/null ;;
  "aws ecr") [ "$2" != batch-get-image ] || { [[ " $THERE " == *" $4:${6#*=} "* ]] && echo "{}" || echo None; } ;;
  "sam build") mkdir -p .aws-sam/build && echo built > .aws-sam/build/template.yaml ;;
  "sam package") while [ "$1" != --output-template-file ]; do shift; done; echo packaged > "$2" ;;
esac
"""


class Machine:
    """A copy of delivery/, none of its files executable, on a machine whose programs note how they were called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "clone"
        self._calls = folder / "calls"
        programs = self.folder / ".venv/bin"
        shutil.copytree(buildspec.ROOT / "delivery", self.folder / "delivery", copy_function=shutil.copyfile)
        shutil.copy(buildspec.ROOT / "samconfig.toml", self.folder)
        programs.mkdir(parents=True)
        for name in ("docker", "aws", "sam"):
            (programs / name).write_text(STAND_IN)
            (programs / name).chmod(0o755)
        (programs / "python").symlink_to(sys.executable)
        self._path = f"{programs}:{os.environ['PATH']}"

    def build(self, there: str = "", **env: str) -> list[str]:
        """Run the build; return the calls. `there` names images that the registry has."""
        return self.run("delivery/build.yml", there, **env)

    def run(self, file: str, there: str, **env: str) -> list[str]:
        """Run what a buildspec builds; return the calls."""
        given = {"PATH": self._path, "CALLS": str(self._calls), "THERE": there, **env}
        buildspec.run(file, "build", self.folder, given)
        return self._calls.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_build_pushes_each_image_by_its_commit_and_packages_what_is_deployed(machine: Machine) -> None:
    calls = machine.build(**PUSHED)

    images = [f"1.dkr.example/tradepost/{target}:c0ffee" for target in ("lambda", "service", "proxy")]
    assert [one.split()[-1] for one in calls if one.startswith("docker push")] == images
    assert [one for one in calls if one.startswith("docker build")] == [
        f"docker build --file containers/Dockerfile --target {image.split('/')[2].split(':')[0]} --tag {image} ."
        for image in images
    ]
    made = machine.folder / ".aws-sam/delivery"
    assert {str(file.relative_to(made)) for file in made.rglob("*") if file.is_file()} == {
        "template.yaml",
        "dev.json",
        "prod.json",
        "delivery/smoke.py",
        "delivery/smoke.yml",
    }
    (packaged,) = (one for one in calls if one.startswith("sam package"))
    assert "--s3-bucket bucket --s3-prefix packages" in packaged


def test_a_build_that_is_repeated_changes_no_image(machine: Machine) -> None:
    there = " ".join(f"1.dkr.example/tradepost/{target}:c0ffee" for target in ("lambda", "service"))

    calls = machine.build(there, **PUSHED)

    assert [one.split()[-1] for one in calls if one.startswith("docker push")] == [
        "1.dkr.example/tradepost/proxy:c0ffee"
    ]


def test_without_a_registry_images_are_built_and_stay_here(machine: Machine) -> None:
    calls = machine.build(COMMIT="c0ffee", PACKAGES="bucket")

    assert {one.split()[1] for one in calls if one.startswith("docker")} == {"build"}
    assert not [one for one in calls if one.startswith("aws")]


KEEP = "delivery/keep.yml"
BUILT = " ".join(f"tradepost/{target}:c0ffee" for target in ("lambda", "service", "proxy"))


def put(calls: list[str]) -> list[str]:
    return [one for one in calls if one.startswith("aws ecr put-image")]


def test_images_that_prod_gets_have_a_second_name_by_which_they_are_kept(machine: Machine) -> None:
    calls = machine.run(KEEP, BUILT, COMMIT="c0ffee", IMAGES="tradepost")

    assert put(calls) == [
        f"aws ecr put-image --repository-name tradepost/{target} --image-tag prod-c0ffee --image-manifest {{}}"
        for target in ("lambda", "service", "proxy")
    ]


def test_images_that_prod_got_before_are_left_as_they_are(machine: Machine) -> None:
    there = f"{BUILT} tradepost/lambda:prod-c0ffee tradepost/service:prod-c0ffee"

    (only,) = put(machine.run(KEEP, there, COMMIT="c0ffee", IMAGES="tradepost"))

    assert "tradepost/proxy" in only


def test_prod_gets_no_images_that_are_gone(machine: Machine) -> None:
    with pytest.raises(AssertionError, match="tradepost/proxy has no image c0ffee"):
        machine.run(KEEP, BUILT.replace("proxy:c0ffee", "proxy:other"), COMMIT="c0ffee", IMAGES="tradepost")


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_dev_and_prod_get_the_parameters_that_samconfig_says(machine: Machine, name: str) -> None:
    machine.build(**PUSHED)

    found = json.loads((machine.folder / f".aws-sam/delivery/{name}.json").read_text())
    assert found["Parameters"].keys() <= template()["Parameters"].keys()
    assert found["Parameters"].get("Stage", "dev") == name
    assert found["Tags"] == {"Project": "tradepost", "Stage": name}


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_services_in_containers_are_of_the_commit(machine: Machine, name: str) -> None:
    machine.build(CONTAINERS="yes", **PUSHED)

    found = json.loads((machine.folder / f".aws-sam/delivery/{name}.json").read_text())
    images = {key: value for key, value in found["Parameters"].items() if key.endswith("Image")}
    assert images == {
        "ServiceImage": "1.dkr.example/tradepost/service:c0ffee",
        "ProxyImage": "1.dkr.example/tradepost/proxy:c0ffee",
    }
    assert found["Parameters"].keys() <= template()["Parameters"].keys()


def test_parameters_are_read_as_sam_writes_them() -> None:
    said = {"parameter_overrides": 'Stage="prod" CorsOrigins="https://a.example,https://b.example" AlarmEmail=""'}

    assert configuration.configuration(said) == {
        "Parameters": {"Stage": "prod", "CorsOrigins": "https://a.example,https://b.example", "AlarmEmail": ""},
        "Tags": {},
    }


RIGHT: dict[str, tuple[int, Any]] = {
    "/health": (200, {"status": "ok"}),
    "/openapi.json": (200, {"paths": {"/orders": {}}}),
    "/products?limit=1": (200, {"products": []}),
    "/orders": (401, {"message": "Unauthorized"}),
}


class Api:
    """An API that answers what it is told to."""

    def __init__(self) -> None:
        self.answers = dict(RIGHT)
        self.asleep = 0
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = api.answer(self.path)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

            def log_message(self, *args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path: str) -> tuple[int, Any]:
        if path.startswith("/products") and self.asleep:
            self.asleep -= 1
            return 503, {}
        return self.answers[path]


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    thread = threading.Thread(target=api.server.serve_forever, args=(0.01,))
    thread.start()
    yield api
    api.server.shutdown()
    thread.join()
    api.server.server_close()


def test_an_api_that_serves_passes(api: Api) -> None:
    assert smoke.smoke(f"{api.url}/") == []


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/health", (500, {})),
        ("/openapi.json", (200, b"<html>")),
        ("/products?limit=1", (503, {})),
        ("/orders", (200, {"orders": []})),
        ("/orders", (500, b"<html>")),
    ],
)
def test_an_api_that_does_not_serve_is_found_out(api: Api, path: str, answer: tuple[int, Any]) -> None:
    api.answers[path] = answer

    assert smoke.smoke(api.url, seconds=0) == [f"{path} answered {answer[0]}"]


def test_a_database_may_take_its_time_to_wake(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.asleep = 3
    monkeypatch.setattr(smoke.time, "sleep", lambda _: None)

    assert smoke.smoke(api.url) == []


def test_the_smoke_test_ends_as_it_went(api: Api) -> None:
    env = {"PATH": os.environ["PATH"], "API_URL": api.url}

    assert "serves" in buildspec.run("delivery/smoke.yml", "build", buildspec.ROOT, env)
    api.answers["/orders"] = (200, {})
    with pytest.raises(AssertionError, match="/orders answered 200"):
        buildspec.run("delivery/smoke.yml", "build", buildspec.ROOT, env)
