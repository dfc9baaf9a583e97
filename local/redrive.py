"""`make redrive STAGE=…`: what a stage gave up on is sent once more, and what became of each is said."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from local.account import account_of_environment
from local.admin import use_stack
from local.change_sets import Say
from local.deploy import stack_of
from local.package import CloudError


def redrive(stage: str, variables: Mapping[str, str], say: Say = print) -> bool:
    """Sends everything once more, with the credentials of this environment. False if something stays where it is.

    What was dealt with changes nothing a second time. Raises CloudError for a stage that cannot be reached, or whose books
    are being repaired just now.
    """
    account = account_of_environment(variables.get("REGION"))
    who = account.client("sts").get_caller_identity()["Arn"].rpartition(":")[2]
    use_stack(stack_of(stage), variables.get("AWS_ENDPOINT_URL") if account.is_local else None, account.region)
    from chalicelib.domain.errors import FenrunError
    from chalicelib.flows.redrive import redrive as send_again

    posted = known = runs = parts = 0
    while True:
        try:
            done = send_again(f"operator:{who}", datetime.now(UTC), lambda: True)
        except FenrunError as error:
            raise CloudError(_PLAIN.get(error.code, error.code)) from error
        posted, known, runs, parts = posted + done.posted, known + done.known, runs + done.runs, parts + done.parts
        if not done.more:
            break
    for failure in done.failed:
        of = f" (order {failure.order_id})" if failure.order_id else ""
        say(f"  stays: {failure.where}{of}: {failure.reason}")
    say(f"redrive: posted={posted} known={known} runs={runs} parts={parts} failed={len(done.failed)}")
    return not done.failed


_PLAIN = {
    "REPAIR_RUNNING": "the books are being repaired, or somebody else redrives: try again in some minutes",
    "BUSY": "the cloud did not answer; try again",
}


if __name__ == "__main__":
    try:
        sys.exit(not redrive(os.environ.get("STAGE", ""), os.environ))
    except (CloudError, ClientError, BotoCoreError) as error:
        sys.exit(f"redrive: {error}")
