"""stacks/items.yaml, design C, is the same code with the same rights, behind a REST API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from delivery import items_as_images
from handlers.http import cors
from handlers.http.response import STATUSES
from handlers.http.routes import ROUTES
from local.state import LocalError
from local.template import translate
from tests.template import functions as of_the_shop
from tests.template import of_type, template

ITEMS: dict[str, Any] = yaml_parse((Path(__file__).parents[2] / "stacks/items.yaml").read_text("utf-8"))
RESOURCES: dict[str, Any] = ITEMS["Resources"]
API = RESOURCES["Api"]["Properties"]
FUNCTIONS = {name: one["Properties"] for name, one in RESOURCES.items() if one["Type"] == "AWS::Serverless::Function"}
PUBLIC = {("POST", "/user/register"), ("POST", "/user/confirm"), ("POST", "/user/login"), ("GET", "/health")}
DESIGN_C = PUBLIC | {
    ("GET", "/item"),
    ("POST", "/item"),
    ("GET", "/item/{id}"),
    ("PUT", "/item/{id}"),
    ("DELETE", "/item/{id}"),
}
"""And confirming: Cognito signs nobody in whose email it has not heard of."""


def routes() -> Iterator[tuple[str, str, str, bool]]:
    """Return method, path, module and whether anybody may call, of every route."""
    for own in FUNCTIONS.values():
        for event in own.get("Events", {}).values():
            if event["Type"] == "Api":
                said = event["Properties"]
                public = said.get("Auth") == {"Authorizer": "NONE"}
                yield said["Method"], said["Path"], own["Handler"].split(".")[1], public


def test_its_routes_are_design_c_and_lead_where_those_of_the_shop_do() -> None:
    found = {(method, path): module for method, path, module, _ in routes() if method != "ANY"}

    assert found.keys() == DESIGN_C
    assert {(*route, module) for route, module in found.items()} <= set(ROUTES)


def test_exactly_these_are_public() -> None:
    assert {(method, path) for method, path, _, public in routes() if public and method != "ANY"} == PUBLIC
    assert API["Auth"]["DefaultAuthorizer"] == "Jwt"
    assert API["Auth"]["Authorizers"]["Jwt"]["FunctionArn"] == {"Fn::GetAtt": ["AuthorizerFunction", "Arn"]}


def test_whatever_no_route_takes_is_answered_by_us() -> None:
    """A REST API refuses methods that a path lacks before it looks for {proxy+}, which takes / as little."""
    anything = {
        path for method, path, module, public in routes() if (method, module, public) == ("ANY", "not_found", True)
    }

    assert anything == {path for _, path in DESIGN_C} | {"/", "/{proxy+}"}


def without_tags(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name != "Tags"}


@pytest.mark.parametrize("table", ["UsersTable", "ItemsTable", "ThrottleTable"])
def test_its_tables_are_those_of_the_shop(table: str) -> None:
    shop, own = of_type("AWS::DynamoDB::Table")[table], RESOURCES[table]

    assert without_tags(own["Properties"]) == without_tags(shop)
    assert own.get("DeletionPolicy") == template()["Resources"][table].get("DeletionPolicy")


def chosen(value: Any) -> Any:
    """Return a part of a template with profiles in DynamoDB and a pool of its own."""
    if isinstance(value, dict) and "Fn::If" in value:
        condition, yes, no = value["Fn::If"]
        return chosen(yes if condition == "OwnPool" else no)
    if isinstance(value, dict) and "Fn::Sub" in value and "userpool/" in str(value):
        return {"Fn::GetAtt": ["UserPool", "Arn"]}
    if isinstance(value, dict):
        return {name: chosen(one) for name, one in value.items()}
    return [chosen(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_may_do_what_it_may_in_the_shop(name: str) -> None:
    own, shop = FUNCTIONS[name], of_the_shop()[name]

    assert own["Handler"] == shop["Handler"]
    assert chosen(own.get("Policies")) == chosen(shop.get("Policies"))


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_has_the_variables_that_it_needs(name: str) -> None:
    own = chosen(FUNCTIONS[name].get("Environment", {}).get("Variables", {}))
    shop = chosen(of_type("AWS::Serverless::Function")[name].get("Environment", {}).get("Variables", {}))
    needed = {key: value for key, value in shop.items() if value != {"Ref": "AWS::NoValue"} and "ORIGIN" not in key}

    assert own.keys() == needed.keys()
    for key in needed.keys() - {"USER_STORE", "TOKEN_ISSUER", "JWKS_URL"}:
        assert own[key] == needed[key], key


def test_users_items_and_region_are_named_by_the_variables_of_design_c() -> None:
    common = ITEMS["Globals"]["Function"]["Environment"]["Variables"]
    named = {name for own in FUNCTIONS.values() for name in own.get("Environment", {}).get("Variables", {})}

    assert common["REGION"] == {"Ref": "AWS::Region"}
    assert {"USERS_TABLE", "ITEMS_TABLE"} <= named
    assert common["TOKENS_VERIFIED_BY"] == "gateway"


def test_the_pool_is_the_shops_with_the_cheapest_choices() -> None:
    shop, own = of_type("AWS::Cognito::UserPool")["UserPool"], RESOURCES["UserPool"]["Properties"]
    chosen_there = {
        "UserPoolTier", "UserPoolAddOns", "MfaConfiguration", "EnabledMfas", "EmailConfiguration", "UserPoolTags",
    }  # fmt: skip
    client = of_type("AWS::Cognito::UserPoolClient")["UserPoolClient"]

    assert {key: own[key] for key in own if key != "UserPoolTags"} == {
        key: value for key, value in shop.items() if key not in chosen_there
    }
    assert RESOURCES["UserPoolClient"]["Properties"] == client


def test_what_the_gateway_refuses_by_itself_is_a_problem_document_too() -> None:
    known = {kind for _, kind in STATUSES.values()} | {"too-large", "too-many-requests", "unexpected"}

    assert {"DEFAULT_4XX", "DEFAULT_5XX", "UNAUTHORIZED", "ACCESS_DENIED", "THROTTLED"} <= API[
        "GatewayResponses"
    ].keys()
    for name, response in API["GatewayResponses"].items():
        (text,) = response["ResponseTemplates"].values()
        body = json.loads(text)
        assert body["status"] == int(response["StatusCode"]), name
        assert body["type"].removeprefix("urn:tradepost:problem:") in known, name
        assert body["title"]
        assert body["detail"]
        headers = response["ResponseParameters"]["Headers"]
        assert headers["content-type"] == "'application/problem+json'"
        assert headers["access-control-allow-origin"] == {"Fn::If": ["HasCorsOrigins", "'*'", {"Ref": "AWS::NoValue"}]}


def test_calls_are_logged_as_json_and_throttled() -> None:
    condition, setting, otherwise = API["AccessLogSetting"]["Fn::If"]
    (settings,) = API["MethodSettings"]

    assert condition == "HasAccessLogs"
    assert otherwise == {"Ref": "AWS::NoValue"}
    assert {"requestId", "address", "method", "path", "status", "error"} <= json.loads(setting["Format"]).keys()
    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")
    assert settings["ThrottlingRateLimit"] == settings["ThrottlingBurstLimit"] == {"Ref": "CallsPerSecond"}


def test_the_accounts_own_role_for_logs_is_made_on_request_alone() -> None:
    """There is one for all REST APIs of the account: making it here changes it for all."""
    assert ITEMS["Parameters"]["AccessLogs"]["Default"] == "off"
    for name in ("LogRole", "LogAccount"):
        assert RESOURCES[name]["Condition"] == "MakesLogRole"
        assert RESOURCES[name]["DeletionPolicy"] == "Retain"


def test_pages_of_other_sites_may_do_what_they_may_in_the_shop() -> None:
    _, shop, _ = of_type("AWS::Serverless::HttpApi")["Api"]["CorsConfiguration"]["Fn::If"]

    assert ITEMS["Parameters"]["CorsOrigins"] == template()["Parameters"]["CorsOrigins"]
    assert ITEMS["Globals"]["Function"]["Environment"]["Variables"]["CORS_ORIGINS"] == {"Ref": "CorsOrigins"}
    assert (list(cors.METHODS), list(cors.SENT), list(cors.SHOWN), cors.MAX_AGE) == (
        shop["AllowMethods"],
        shop["AllowHeaders"],
        shop["ExposeHeaders"],
        shop["MaxAge"],
    )


def test_everything_that_costs_says_whose_it_is() -> None:
    taggable = re.compile("Table|LogGroup|UserPool$|Role")

    assert ITEMS["Globals"]["Function"]["Tags"]["Project"] == API["Tags"]["Project"] == "tradepost"
    for name, one in RESOURCES.items():
        if taggable.search(one["Type"].rpartition("::")[2]):
            tags = one["Properties"].get("Tags") or one["Properties"]["UserPoolTags"]
            assert "tradepost" in json.dumps(tags), name


def test_as_images_each_function_is_what_it_is_as_a_zip_but_for_its_package() -> None:
    made = items_as_images.as_images(ITEMS)
    functions = {name: one["Properties"] for name, one in made["Resources"].items() if name in FUNCTIONS}
    package = {
        name: {key: one.pop(key) for key in ("PackageType", "ImageUri", "ImageConfig")}
        for name, one in functions.items()
    }

    assert functions == {
        name: {key: value for key, value in one.items() if key != "Handler"} for name, one in FUNCTIONS.items()
    }
    assert package == {
        name: {
            "PackageType": "Image",
            "ImageUri": {"Ref": "ImageUri"},
            "ImageConfig": {"Command": [one["Handler"]]},
        }
        for name, one in FUNCTIONS.items()
    }
    assert {"Runtime", "CodeUri"} == ITEMS["Globals"]["Function"].keys() - made["Globals"]["Function"].keys()
    assert {name: one for name, one in made["Resources"].items() if name not in FUNCTIONS} == {
        name: one for name, one in RESOURCES.items() if name not in FUNCTIONS
    }


def test_sam_still_takes_no_package_that_depends_on_a_parameter(tmp_path: Path) -> None:
    """Else stacks/items.yaml could have the parameter itself."""
    conditional = {"Fn::If": ["AsImages", "Image", "Zip"]}
    function = {"Type": "AWS::Serverless::Function", "Properties": {"PackageType": conditional, "ImageUri": "any"}}
    file = tmp_path / "items.json"
    file.write_text(json.dumps({"Transform": "AWS::Serverless-2016-10-31", "Resources": {"Any": function}}))

    with pytest.raises(LocalError, match="invalid 'PackageType'"):
        translate(file, {}, "us-east-1")
