"""What stands in front of the services: nginx itself takes its settings, and gixy finds nothing in them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from local import services
from local.state import ROOT
from tests.stacks import stack

TEMPLATE = services.PROXY.read_text()
(BRANCH,) = re.findall(
    r"^ARG NGINX=\S+/nginx:([\d.]+)-alpine$", (ROOT / "containers/Dockerfile").read_text(), re.MULTILINE
)
LINTERS = {
    "gixy": [str(Path(sys.executable).with_name("gixy")), "--nginx-version", f"{BRANCH}.99"],
    **({"nginx": [nginx, "-t", "-q", "-e", "stderr"]} if (nginx := services.found_nginx()) else {}),
}
"""gixy knows the faults that nginx has had: there is none that is mended in a later branch than the image's alone."""


def in_a_task() -> dict[str, str]:
    """Return the variables of a task's proxy, in the network of stacks/network.yaml."""
    _, proxy = stack("containers")["Resources"]["ProductTask"]["Properties"]["ContainerDefinitions"]
    cidr = stack("network")["Parameters"]["Cidr"]["Default"]
    return {one["Name"]: cidr if one["Value"] == {"Ref": "Cidr"} else one["Value"] for one in proxy["Environment"]}


SETTINGS = {
    "in a task": in_a_task(),
    "here": services.settings(3000, {"product": [3001], "user": [3002], "inventory": [3003]}),
    "while servers are replaced": services.settings(3000, dict.fromkeys(services.UPSTREAMS.values(), (3001, 3002))),
}
BROKEN = {
    "gixy": "location /to { return 302 https://$host$uri; }",
    "nginx": "location /to { redirect 302; }",
}
"""What each must find: a header that a client can add lines to, and a word that nginx does not know."""


def linted(linter: str, text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "nginx.conf"
    file.write_text(text)
    own = ["-p", str(folder), "-c"] if linter == "nginx" else []
    return subprocess.run([*LINTERS[linter], *own, str(file)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("linter", LINTERS)
@pytest.mark.parametrize("where", SETTINGS)
def test_nothing_is_found(linter: str, where: str, tmp_path: Path) -> None:
    done = linted(linter, services.filled(TEMPLATE, SETTINGS[where]), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("linter", LINTERS)
def test_what_is_wrong_is_found(linter: str, tmp_path: Path) -> None:
    broken = TEMPLATE.replace("location / {", f"{BROKEN[linter]}\nlocation / {{")
    assert linted(linter, services.filled(broken, SETTINGS["here"]), tmp_path).returncode == 1


def test_of_several_servers_none_is_left_out_after_a_failure() -> None:
    (several,) = {SETTINGS["while servers are replaced"][name] for name in services.UPSTREAMS}
    assert several == "server 127.0.0.1:3001 max_fails=0; server 127.0.0.1:3002 max_fails=0;"


def test_the_address_that_the_load_balancer_saw_is_believed_and_none_that_a_caller_within_its_network_names() -> None:
    believed = re.findall(r"^  ((?:set_)?real_ip\w*) (.+);$", TEMPLATE, re.MULTILINE)
    assert believed == [("set_real_ip_from", "${TRUSTED}"), ("real_ip_header", "X-Forwarded-For")], "the last, not more"
