"""For operators: an API key for a storefront, its end, a member of staff, or a password, on AWS or on the local cloud."""

from __future__ import annotations

import argparse
import getpass
import os
import secrets
import sys
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.package import CloudError
from local.stack import CREDENTIALS, NAME


def use_stack(stack: str, endpoint: str | None, region: str | None = None) -> None:
    """Gives this process the environment of the stack's functions, so that the app's own modules run against it."""
    try:
        named = {"region_name": region or os.environ.get("AWS_REGION")}
        session = boto3.Session(**CREDENTIALS) if endpoint else boto3.Session(**named)
        if not session.region_name:
            raise CloudError("no region is set: set AWS_DEFAULT_REGION, or use --local")
        found = session.client("cloudformation", endpoint_url=endpoint).describe_stack_resource(
            StackName=stack, LogicalResourceId="APIHandler"
        )
        function = found["StackResourceDetail"]["PhysicalResourceId"]
        functions = session.client("lambda", endpoint_url=endpoint)
        configuration = functions.get_function_configuration(FunctionName=function)
    except (ClientError, BotoCoreError) as error:
        where = f"the local cloud at {endpoint} (is it up? `make up`)" if endpoint else "AWS"
        raise CloudError(f"the stack {stack} cannot be read from {where}: {error}") from error
    os.environ.update(configuration["Environment"]["Variables"])
    os.environ.update({"AWS_DEFAULT_REGION": session.region_name, "AWS_REGION": session.region_name})
    if endpoint:
        os.environ.update(
            {
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
                "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
            }
        )
        os.environ.pop("AWS_SESSION_TOKEN", None)


def add_key(name: str, scopes: list[str]) -> None:
    """Prints a new API key. It is shown this once: only its hash is kept."""
    from chalicelib.flows.api_keys import create_api_key

    print(create_api_key(name, scopes, datetime.now(UTC)))


def end_key(key: str) -> None:
    """Ends an API key. Raises CloudError for one that was never made."""
    from chalicelib.flows.api_keys import revoke_api_key

    if not revoke_api_key(key.strip(), datetime.now(UTC)):
        raise CloudError("this key was never made here")
    print("it has ended; within a minute nobody is let in by it")


def add_staff(name: str, email: str, roles: list[str]) -> None:
    """Adds a member of staff with the password that is typed, or with one that is made and printed this once."""
    from chalicelib.domain.errors import FenrunError
    from chalicelib.flows.staff import add_person

    typed = _typed_password()
    password = typed or secrets.token_urlsafe(15)
    try:
        person = add_person(name, email, password, roles)
    except FenrunError as error:
        raise CloudError(_PLAIN.get(error.code, error.code)) from error
    print(f"{person.person_id} signs in as {email}")
    if not typed:
        print(f"password: {password}")


def set_password(email: str) -> None:
    """Gives whoever signs in with this address the password that is typed, or one that is made and printed this once."""
    from chalicelib.domain.errors import FenrunError
    from chalicelib.flows import sessions

    typed = _typed_password()
    password = typed or secrets.token_urlsafe(15)
    try:
        kind = sessions.set_password(email, password, datetime.now(UTC))
    except FenrunError as error:
        raise CloudError(_PLAIN.get(error.code, error.code)) from error
    print(f"{email} ({kind}) has another password, and is signed out everywhere within a minute")
    if not typed:
        print(f"password: {password}")


_PLAIN = {
    "NOT_FOUND": "nobody signs in with this e-mail address",
    "EMAIL_TAKEN": "somebody has this e-mail address already",
    "BAD_EMAIL": "this is not an e-mail address",
    "PASSWORD_TOO_SHORT": "the password is too short: at least 8 characters",
    "PASSWORD_TOO_LONG": "the password is too long: at most 128 characters",
    "PASSWORD_TOO_COMMON": "the password is among the first that anyone would try",
    "BUSY": "the cloud did not answer; try again",
}


def _typed_password() -> str:
    if not sys.stdin.isatty():
        return ""
    typed = getpass.getpass("Password (empty: one is made): ")
    if typed and getpass.getpass("Once more: ") != typed:
        raise CloudError("the two passwords differ")
    return typed


def _words(text: str) -> list[str]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise argparse.ArgumentTypeError("give at least one, separated by commas")
    return words


def _arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.admin", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    key = commands.add_parser("key", help="make an API key for a storefront; it is printed once")
    key.add_argument("--name", required=True, help="whose key this is")
    key.add_argument("--scopes", required=True, type=_words, help="orders:write,orders:read,…")
    revoke = commands.add_parser("revoke", help="end an API key, which is asked for")
    staff = commands.add_parser("staff", help="add a member of staff")
    staff.add_argument("--name", required=True)
    staff.add_argument("--email", required=True)
    staff.add_argument("--roles", required=True, type=_words, help="owner, ops, finance_maker, finance_checker, …")
    password = commands.add_parser("password", help="give somebody another password, and sign them out everywhere")
    password.add_argument("--email", required=True, help="of staff, of a merchant's people or of a distributor")
    for command in (key, revoke, staff, password):
        command.add_argument("--stack", default=NAME, help="the CloudFormation stack (default: %(default)s)")
        command.add_argument("--local", action="store_true", help="the local cloud of `make up`, not AWS")
    return parser.parse_args(given)


def main(given: list[str]) -> None:
    asked = _arguments(given)
    port = os.environ.get("FENRUN_PORT", "4566")
    use_stack(asked.stack, f"http://127.0.0.1:{port}" if asked.local else None)
    try:
        if asked.command == "key":
            add_key(asked.name, asked.scopes)
        elif asked.command == "revoke":
            end_key(getpass.getpass("the key: "))
        elif asked.command == "password":
            set_password(asked.email)
        else:
            add_staff(asked.name, asked.email, asked.roles)
    except ValueError as error:  # a scope or role that there is not
        raise CloudError(f"{error}; there are: {', '.join(sorted(_known(asked.command)))}") from error
    except (ClientError, BotoCoreError) as error:
        raise CloudError(str(error)) from error


def _known(command: str) -> Any:
    from chalicelib.flows.api_keys import SCOPES
    from chalicelib.flows.staff import ROLES

    return SCOPES if command == "key" else ROLES


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except CloudError as error:
        sys.exit(f"admin: {error}")
    except KeyboardInterrupt:
        sys.exit("admin: interrupted")
