"""What settling many accounts costs: seconds, accounts a second, and the memory of the process that does it.

`python bench/settle.py --accounts 100000` settles a tenth of them, then all, each in fresh tables in MiniStack and in a
fresh process, and holds the time against a floor: botocore alone, one transaction an account, with the writes without
which there is no payout (balance, payout, entry, clearing total). A run makes twenty payouts a transaction, counts them
and notes which they are, writes the files, and submits a hundred payouts a transaction. `--write` keeps the table in
RESULTS-settle.md. It asserts nothing.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import botocore.session

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # where it is started by its path
RESULTS = ROOT / "bench" / "RESULTS-settle.md"
AT = datetime(2026, 11, 22, 2, tzinfo=UTC)
MOST_FLOOR = 10_000
"""The floor's pace does not change with more of them."""


def client(name: str, endpoint: str) -> Any:
    return botocore.session.get_session().create_client(name, region_name="us-east-1", endpoint_url=endpoint)


def batches(items: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(items, 25)):
        yield batch


def environment(endpoint: str, name: str) -> dict[str, str]:
    """Empty tables of this name."""
    from tests.tables import create_tables

    client("s3", endpoint).create_bucket(Bucket=name)
    return {
        **create_tables(client("dynamodb", endpoint), name),
        "FILES_BUCKET": name,
        "CONNECTION_SECRETS": "bench/",
        "SECRET_ARN": "none",
        "TIME_ZONE": "Asia/Shanghai",
        "STAGE": "dev",
        "POWERTOOLS_SERVICE_NAME": "fenrun",
        "POWERTOOLS_METRICS_NAMESPACE": "Fenrun",
        "AWS_ENDPOINT_URL": endpoint,
    }


def seed(endpoint: str, env: dict[str, str], accounts: int) -> None:
    """Distributors who have 100.00 CNY each."""
    from chalicelib.store import keys
    from chalicelib.store.items import to_item

    dynamodb = client("dynamodb", endpoint)
    card = {"rail": "bank_file", "holder": "Li Wei", "account": "6222020200112233445", "bank": "ICBC"}
    methods = json.dumps({"card": card})

    def rows(table: str) -> Iterator[dict[str, Any]]:
        for n in range(accounts):
            name = f"d_{n:07d}"
            account = f"distributor:{name}:CNY"
            balance = {"account": account, "at": keys.BALANCE, "available": 10_000}
            due = {"due_shard": keys.shard(account), "due": keys.payable(account)}
            person = {"id": name, "code": name, "name": name, "status": "active", "joined_at": "2026-01-01"}
            yield balance | due if table == env["LEDGER_TABLE"] else person | {"payout_methods": methods}

    for table in (env["LEDGER_TABLE"], env["DISTRIBUTORS_TABLE"]):
        for batch in batches(rows(table)):
            puts = [{"PutRequest": {"Item": to_item(each)}} for each in batch]
            dynamodb.batch_write_item(RequestItems={table: puts})


def floor(endpoint: str, env: dict[str, str], accounts: int) -> None:
    """One transaction an account, one after the other."""
    dynamodb = client("dynamodb", endpoint)
    ledger = env["LEDGER_TABLE"]

    def add(account: str, at: str, name: str, amount: int) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": ledger,
                "Key": {"account": {"S": account}, "at": {"S": at}},
                "UpdateExpression": "ADD #n :n",
                "ExpressionAttributeNames": {"#n": name},
                "ExpressionAttributeValues": {":n": {"N": str(amount)}},
            }
        }

    for n in range(accounts):
        account = f"floor:d_{n:07d}:CNY"
        entry = {"account": {"S": account}, "at": {"S": f"ENTRY#{n}"}, "amount": {"N": "-10000"}}
        payout = {"id": {"S": f"po_floor_{n}"}, "state": {"S": "submitted"}, "net": {"N": "10000"}}
        dynamodb.transact_write_items(
            TransactItems=[
                add(account, "BALANCE", "available", -10_000),
                {"Put": {"TableName": env["PAYOUTS_TABLE"], "Item": payout}},
                {"Put": {"TableName": ledger, "Item": entry}},
                add("floor:clearing", "DAY#2026-11-22", "amount", 10_000),
            ]
        )


def work(step: str, accounts: int) -> None:
    """Runs in a process of its own: prints seconds and the peak of its memory in MB."""
    began = time.monotonic()
    if step == "floor":
        floor(os.environ["AWS_ENDPOINT_URL"], dict(os.environ), accounts)
    else:
        from chalicelib.flows.settle import settle
        from chalicelib.store import connection

        # The emulator looks at every item of an index's shard for each page of it: seconds, at 100,000 accounts.
        connection._READ_SECONDS = 60
        done = settle(AT, lambda: 1e9)
        assert (done.state, done.payouts) == ("filed", accounts), done
    print(time.monotonic() - began, peak())


def peak() -> float:
    """The most memory in MB that this process held. Linux carries its parent's figure over into `ru_maxrss`."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes, on a Mac


def apart(step: str, accounts: int, env: dict[str, str]) -> tuple[float, float]:
    arguments = [sys.executable, "-m", "bench.settle", "--step", step, "--accounts", str(accounts)]
    done = subprocess.run(arguments, cwd=ROOT, env=os.environ | env, check=True, stdout=subprocess.PIPE, text=True)
    seconds, memory = map(float, done.stdout.split()[-2:])
    return seconds, memory


def measure(sizes: list[int]) -> Iterator[str]:
    from local import cloud

    yield "| accounts | seconds | accounts/s | peak RSS MB | floor accounts/s | x floor's time |"
    yield "|---:|---:|---:|---:|---:|---:|"
    for accounts in sizes:
        with tempfile.TemporaryDirectory() as folder:
            endpoint = cloud.start(Path(folder), cloud.free_port(), persist=False)
            try:
                env = environment(endpoint, f"bench{accounts}")
                seed(endpoint, env, accounts)
                least = min(accounts, MOST_FLOOR)
                floor_pace = least / apart("floor", least, env)[0]
                seconds, memory = apart("settle", accounts, env)
            finally:
                cloud.stop(Path(folder))
        pace = accounts / seconds
        yield (
            f"| {accounts} | {seconds:.0f} | {pace:.0f} | {memory:.0f} | {floor_pace:.0f} | {floor_pace / pace:.2f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--step", choices=["floor", "settle"])
    parser.add_argument("--write", action="store_true", help="keep the result in RESULTS-settle.md")
    asked = parser.parse_args()
    if asked.step:
        return work(asked.step, asked.accounts)
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ["AWS_REGION"] = "us-east-1"
    lines = []
    for line in measure([max(1, asked.accounts // 10), asked.accounts]):
        print(line, flush=True)
        lines.append(line)
    if asked.write:
        head = (
            "# Settling at scale\n\n`python bench/settle.py --accounts N --write`: one process against MiniStack.\n\n"
        )
        RESULTS.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
    return None


if __name__ == "__main__":
    main()
