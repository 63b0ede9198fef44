"""stacks/edge.yaml and the API agree: on what CloudFront sends, on what it may keep, and on how long it waits."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from handlers.http.origin import SECRET, VIEWER
from handlers.http.response import HEADERS, SHARED
from handlers.http.routes import ROUTES
from tests.template import handlers

EDGE: dict[str, Any] = yaml_parse((Path(__file__).parents[2] / "stacks/edge.yaml").read_text("utf-8"))
CONFIG: dict[str, Any] = EDGE["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
NOT_CACHED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
"""CloudFront Developer Guide, "Use managed cache policies": CachingDisabled."""
ALL_BUT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
"""The same, "Use managed origin request policies": AllViewerExceptHostHeader."""
CACHED_ERRORS = {400, 403, 404, 405, 414, 500, 501, 502, 503, 504}
"""The same, "HTTP 4xx and 5xx status codes that CloudFront caches"; 416 is never kept."""


def behaviours() -> dict[str, dict[str, Any]]:
    return {"*": CONFIG["DefaultCacheBehavior"], **{one["PathPattern"]: one for one in CONFIG["CacheBehaviors"]}}


def test_cloudfront_sends_its_secret_under_the_name_that_the_api_reads() -> None:
    (origin,) = CONFIG["Origins"]
    (sent,) = origin["OriginCustomHeaders"]
    generated = EDGE["Resources"]["OriginSecret"]["Properties"]["GenerateSecretString"]

    assert sent["HeaderName"] == SECRET
    assert sent["HeaderValue"]["Fn::Sub"].startswith("{{resolve:secretsmanager:")
    assert (generated["GenerateStringKey"], generated["SecretStringTemplate"]) == ("newest", '{"previous": ""}')


def test_the_viewers_address_is_told_on_every_path() -> None:
    code = EDGE["Resources"]["ViewerFunction"]["Properties"]["FunctionCode"]

    assert f"request.headers['{VIEWER}'] = {{value: event.viewer.ip}};" in code
    for path, behaviour in behaviours().items():
        (function,) = behaviour["FunctionAssociations"]
        assert function == {
            "EventType": "viewer-request",
            "FunctionARN": {"Fn::GetAtt": ["ViewerFunction", "FunctionARN"]},
        }
        assert behaviour["OriginRequestPolicyId"] == ALL_BUT_HOST, path


def test_only_what_anybody_may_see_is_kept_and_nothing_that_was_asked_for_with_a_token() -> None:
    kept = [path for path, behaviour in behaviours().items() if behaviour["CachePolicyId"] != NOT_CACHED]
    cached = [path for method, path, _ in ROUTES if method == "GET" and path.startswith("/products")]
    events = {module: next(iter(handlers()[module]["Events"].values())) for _, path, module in ROUTES if path in cached}
    code = EDGE["Resources"]["ViewerFunction"]["Properties"]["FunctionCode"]

    assert kept == ["/products*"]
    for method, path, module in ROUTES:
        if method == "GET" and path in cached:
            assert events[module]["Properties"]["Auth"] == {"Authorizer": "NONE"}
    assert re.search(
        r"startsWith\('/products'\) && \(.*'GET' .*'HEAD'\)\) \{\s+delete request\.headers\['authorization'\]", code
    )


def test_what_is_not_for_everybody_says_so_and_products_are_kept_for_a_while() -> None:
    policy = EDGE["Resources"]["ProductsCache"]["Properties"]["CachePolicyConfig"]
    (seconds,) = re.findall(r"s-maxage=(\d+)", SHARED["cache-control"])

    assert HEADERS["cache-control"] == "no-store"
    assert policy["MinTTL"] == policy["DefaultTTL"] == 0, "how long is the API's word"
    assert 0 < int(seconds) <= policy["MaxTTL"]


def test_pages_of_products_are_kept_apart_by_what_they_depend_on() -> None:
    key = EDGE["Resources"]["ProductsCache"]["Properties"]["CachePolicyConfig"][
        "ParametersInCacheKeyAndForwardedToOrigin"
    ]

    assert key["QueryStringsConfig"] == {"QueryStringBehavior": "whitelist", "QueryStrings": ["limit", "cursor"]}
    assert key["HeadersConfig"] == {"HeaderBehavior": "whitelist", "Headers": ["origin"]}
    assert key["CookiesConfig"] == {"CookieBehavior": "none"}


def test_no_error_is_kept() -> None:
    """Else a 404 of one person's order would be shown to another for ten seconds, whatever Cache-Control says."""
    assert {one["ErrorCode"]: one["ErrorCachingMinTTL"] for one in CONFIG["CustomErrorResponses"]} == dict.fromkeys(
        CACHED_ERRORS, 0
    )


@pytest.mark.parametrize("path", ["*", "/products*"])
def test_calls_are_encrypted_and_every_method_of_the_api_passes(path: str) -> None:
    behaviour = behaviours()[path]

    assert behaviour["ViewerProtocolPolicy"] == "https-only"
    assert {method for method, _, _ in ROUTES} | {"OPTIONS"} <= set(behaviour["AllowedMethods"])


def test_cloudfront_waits_as_long_as_the_api_does() -> None:
    answering = [handlers()[module]["Timeout"] for _, _, module in ROUTES]

    (origin,) = CONFIG["Origins"]
    _, to_load_balancer, no_api = origin["VpcOriginConfig"]["Fn::If"]
    _, no_load_balancer, to_api = origin["CustomOriginConfig"]["Fn::If"]
    assert no_api == no_load_balancer == {"Ref": "AWS::NoValue"}
    assert to_api["OriginReadTimeout"] == to_load_balancer["OriginReadTimeout"] >= max(answering)


def test_a_load_balancer_is_reached_within_its_network_by_tls_alone() -> None:
    origin = EDGE["Resources"]["VpcOrigin"]

    assert origin["Condition"] == "HasLoadBalancer"
    assert origin["Properties"]["VpcOriginEndpointConfig"] == {
        "Name": {"Ref": "AWS::StackName"},
        "Arn": {"Ref": "LoadBalancerArn"},
        "OriginProtocolPolicy": "https-only",
        "OriginSSLProtocols": ["TLSv1.2"],
    }


def test_each_alarm_has_its_part_of_the_runbook_and_looks_at_what_this_stack_made() -> None:
    alarms = {name: one["Properties"] for name, one in EDGE["Resources"].items() if one["Type"].endswith("Alarm")}
    runbook = (Path(__file__).parents[2] / "docs/runbook.md").read_text("utf-8")
    part = runbook.split("\n## Alarms of the edge\n")[1].split("\n## ")[0]
    looked_at = {
        name: {str(each["Name"]): each["Value"] for each in alarm["Dimensions"]} for name, alarm in alarms.items()
    }

    assert re.findall(r"^### (.+)$", part, re.MULTILINE) == ["Edge fails", "Edge blocks"]
    assert [alarm["AlarmDescription"]["Fn::Sub"].rpartition("#")[2] for alarm in alarms.values()] == [
        "edge-fails",
        "edge-blocks",
    ]
    assert looked_at["EdgeFails"] == {"DistributionId": {"Ref": "Distribution"}, "Region": "Global"}
    firewall = EDGE["Resources"]["Firewall"]["Properties"]["VisibilityConfig"]["MetricName"]
    assert looked_at["EdgeBlocks"] == {"WebACL": firewall, "Rule": "ALL"}
