"""One request to a rail: sent once, with time-outs, its answer as it came."""

from __future__ import annotations

from functools import cache

import urllib3

from chalicelib.rails.rail import Answer, Instruction

_CONNECT_SECONDS, _READ_SECONDS = 3.0, 20.0
_LONGEST = 2_000_000


@cache
def _pool() -> urllib3.PoolManager:
    timeout = urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS)
    return urllib3.PoolManager(retries=False, timeout=timeout, maxsize=4)


def send(base_url: str, instruction: Instruction) -> Answer | None:
    """Sends the instruction once: no retry, no redirect. None where no whole answer came: then nobody knows."""
    try:
        answer = _pool().request(
            instruction.method,
            base_url.rstrip("/") + instruction.path,
            headers=instruction.headers,
            body=instruction.body or None,
            redirect=False,
            preload_content=False,
        )
        body = answer.read(_LONGEST)
        answer.release_conn()
    except urllib3.exceptions.HTTPError:
        return None
    return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, body)
