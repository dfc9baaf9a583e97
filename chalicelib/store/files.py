"""Files that outlive a function: the operator's bucket."""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError
from botocore.session import get_session

from chalicelib.domain.errors import Busy
from chalicelib.settings import settings


@cache
def _client() -> Any:
    config = Config(connect_timeout=1, read_timeout=10, retries={"total_max_attempts": 3, "mode": "standard"})
    return get_session().create_client("s3", region_name=settings().region, config=config)


def put(path: str, contents: bytes, content_type: str) -> None:
    """Keeps the file under this path, in place of what was there. Raises Busy if it cannot be kept now."""
    try:
        _client().put_object(Bucket=settings().files_bucket, Key=path, Body=contents, ContentType=content_type)
    except (ClientError, ConnectionError, HTTPClientError) as error:
        raise _busy(error) from error


def get(path: str) -> bytes | None:
    """The file under this path; None if there is none. Raises Busy if it cannot be had now."""
    try:
        body: bytes = _client().get_object(Bucket=settings().files_bucket, Key=path)["Body"].read()
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "NoSuchKey":
            return None
        raise _busy(error) from error
    except (ConnectionError, HTTPClientError) as error:
        raise _busy(error) from error
    return body


def _busy(error: ClientError | ConnectionError | HTTPClientError) -> Exception:
    """`Busy` for what passes; a lasting fault, such as a permission that is missing, as it is."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        if status < 500 and status != 429:
            lasting: Exception = error
            return lasting
    return Busy("BUSY")


def forget() -> None:
    """Drops the client held in this container: for tests."""
    _client.cache_clear()
