"""stacks/items.yaml with its functions as container images: what SAM cannot make depend on a parameter.

Run it as a program, `python delivery/items_as_images.py > FILE`. The result takes one parameter more, ImageUri.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

ITEMS = Path(__file__).parents[1] / "stacks/items.yaml"
IMAGE_URI = {
    "Type": "String",
    "Description": "The functions' image, in ECR of this region: …dkr.ecr.….amazonaws.com/tradepost/lambda:COMMIT",
    "AllowedPattern": r"^\d{12}\.dkr\.ecr\..+/.+[:@].+$",
    "ConstraintDescription": "an image in ECR with its tag or digest",
}

ZIPPED_BY = {"BuildMethod", "WorkingDirectory"}


def as_images(template: dict[str, Any]) -> dict[str, Any]:
    """Return a template whose functions are images, each with its handler as the command."""
    of_all = template["Globals"]["Function"]
    common = {name: value for name, value in of_all.items() if name not in ("Runtime", "CodeUri")}
    return {
        **template,
        "Parameters": {**template["Parameters"], "ImageUri": IMAGE_URI},
        "Globals": {**template["Globals"], "Function": common},
        "Resources": {name: _as_image(one) for name, one in template["Resources"].items()},
    }


def _as_image(resource: dict[str, Any]) -> dict[str, Any]:
    if resource["Type"] != "AWS::Serverless::Function":
        return resource
    own = {name: value for name, value in resource["Properties"].items() if name != "Handler"}
    image = {
        "PackageType": "Image",
        "ImageUri": {"Ref": "ImageUri"},
        "ImageConfig": {"Command": [resource["Properties"]["Handler"]]},
    }
    said = {name: value for name, value in resource["Metadata"].items() if name not in ZIPPED_BY}
    return {**resource, "Metadata": said, "Properties": {**own, **image}}


if __name__ == "__main__":
    print(json.dumps(as_images(yaml_parse(ITEMS.read_text("utf-8"))), ensure_ascii=False))
