"""Orders a second over HTTP: our code against MiniStack in a process of its own, and the deployed package on it.

Here the time that passes counts, and with it the emulator's own; so these are no measure of the product, but of what the
local cloud gives on this machine.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import urllib3
from msgspec import json

from bench.program import bind, filled, said, sales
from bench.throughput import Pace
from bench.throughput import paces as compared
from local import cloud
from local.bootstrap import use
from tests.containers import forget

ORDERS, CLIENTS = 400, 8


def paces(folder: Path) -> list[Pace]:
    """The order API and the stream function in this process with their floors, then the deployed API, which has none."""
    endpoint = cloud.start(folder, cloud.free_port(), persist=False)
    try:
        with said():
            found = [
                Pace(f"{each.what}, over HTTP", each.ours, each.floor, each.ratio)
                for each in compared(time.monotonic, endpoint)
            ]
        stack = cloud.deploy(endpoint, folder / "build")
        use(stack)
        forget()
        return [*found, _deployed(stack.base_url, filled())]
    finally:
        cloud.stop(folder)


def _deployed(base_url: str, key: str) -> Pace:
    pool = urllib3.PoolManager(maxsize=CLIENTS)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def put(order: Any) -> None:
        answer = pool.request(
            "PUT", f"{base_url}/v1/orders/{order.order_id}", body=json.encode(order.body()), headers=headers
        )
        assert answer.status == 200, answer.data

    orders = sales(ORDERS, "zipf")
    bind(orders)
    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(put, orders[: 2 * CLIENTS]))  # containers start
        began = time.monotonic()
        list(clients.map(put, orders[2 * CLIENTS :]))
    return Pace(f"order API, deployed, {CLIENTS} clients", (ORDERS - 2 * CLIENTS) / (time.monotonic() - began), 0, 0)
