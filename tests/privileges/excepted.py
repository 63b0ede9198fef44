"""Every exception from least privilege, with its reason."""

from __future__ import annotations

from tests.privileges.judging import Grant

UNUSED = {
    Grant("*", "sqs:SendMessage", "ScheduleFailures"): (
        "Lambda itself tells there, with the function's role, what an invocation by a schedule could not do"
    ),
}
"""What is granted though no function needs it while every end-to-end test runs; * stands for anything."""

MANAGED = {
    "AWSLambdaBasicExecutionRole": "SAM's: Lambda writes a function's log with its role",
    "AWSLambdaVPCAccessExecutionRole": (
        "SAM's: Lambda makes the network interfaces in the VPC with the function's role; SAM gives it to every function"
        " that says VpcConfig, also where a condition leaves none of it"
    ),
    "AWSLambdaSQSQueueExecutionRole": "SAM's: Lambda reads the queue of an event source with the function's role",
    "AWSLambdaKinesisExecutionRole": "SAM's: Lambda reads the stream of an event source with the function's role",
    "AWSXrayWriteOnlyAccess": "SAM's: Lambda sends traces with the function's role",
    "AmazonAPIGatewayPushToCloudWatchLogs": (
        "API Gateway writes REST APIs' access logs with a role that an account has one of, made by parameter alone"
    ),
}
"""AWS's own policies that roles have. They allow on *, what nobody but AWS itself uses."""

EVERYWHERE = {
    ("FunctionBoundary", f"ec2:{action}"): (
        "a boundary allows nothing by itself, and nobody knows the network interfaces that Lambda will make"
    )
    for action in (
        "CreateNetworkInterface",
        "DeleteNetworkInterface",
        "AssignPrivateIpAddresses",
        "UnassignPrivateIpAddresses",
    )
}
"""Actions that are allowed on *, though they have resources, by role or policy and action."""
