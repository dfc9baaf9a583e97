"""Where a deployed API answers, and what the local cloud's gateway does not take from a template."""

from __future__ import annotations

from typing import Any

from local.account import Account
from local.change_sets import StackState, state

STAGE = "api"


def base_url(account: Account, stack: StackState) -> str:
    """What `/v1/…` is appended to."""
    if not account.is_local:
        return stack.outputs["EndpointURL"].rstrip("/")
    endpoint = account.client("apigateway").meta.endpoint_url
    return f"{endpoint}/restapis/{stack.outputs['RestAPIId']}/{STAGE}/_user_request_"


def answer_as_deployed(account: Account, name: str, sam: dict[str, Any]) -> None:
    """MiniStack reads no gateway responses from a definition body, so give it the template's through its API."""
    stack = state(account, name)
    assert stack is not None
    api = stack.outputs["RestAPIId"]
    gateway = account.client("apigateway")
    for kind, response in sam["Resources"]["RestAPI"]["Properties"]["GatewayResponses"].items():
        headers = response["ResponseParameters"]["Headers"]
        gateway.put_gateway_response(
            restApiId=api,
            responseType=kind,
            responseParameters={f"gatewayresponse.header.{name}": value for name, value in headers.items()},
            responseTemplates=response["ResponseTemplates"],
            **({"statusCode": response["StatusCode"]} if "StatusCode" in response else {}),
        )
    gateway.create_deployment(restApiId=api, stageName=STAGE)
