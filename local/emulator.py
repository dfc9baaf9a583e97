"""One MiniStack process on loopback, found again by the lock it holds: a pid file alone may be stale."""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from local.package import REGION, CloudError

READY_WITHIN = 60.0
STOPPED_WITHIN = 60.0


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def start(state_dir: Path, port: int, persist: bool = True) -> str:
    """Start MiniStack (or find it running) with its files under `state_dir`; the endpoint, once it answers."""
    state_dir = state_dir.resolve()
    state_dir.mkdir(parents=True, exist_ok=True)
    with _lock(state_dir) as lock:
        if lock is None:
            running = _pid_and_port(state_dir)[1]
            if running != port:
                raise CloudError(f"a local cloud already runs here on port {running}: stop it with `make down`")
            return _endpoint(port)
        _refuse_taken(port)
        child = _spawn(state_dir, port, persist, lock)
    (state_dir / "ministack.pid").write_text(f"{child.pid} {port}\n")
    try:
        _wait_ready(child, port, state_dir / "ministack.log")
    except BaseException:
        child.kill()
        child.wait()
        raise
    return _endpoint(port)


def stop(state_dir: Path) -> bool:
    """Ask MiniStack to save and end, and wait until it has; False if none was running."""
    state_dir = state_dir.resolve()
    if not _held(state_dir):
        return False
    pid = _pid_and_port(state_dir)[0]
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOPPED_WITHIN
    while _held(state_dir):
        _reap(pid)
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            raise CloudError(
                f"MiniStack did not end within {STOPPED_WITHIN:.0f} s and was killed: its data may be lost"
            )
        time.sleep(0.05)
    (state_dir / "ministack.pid").unlink(missing_ok=True)
    return True


def _spawn(state_dir: Path, port: int, persist: bool, lock: int) -> subprocess.Popen[bytes]:
    temp = state_dir / "tmp"  # unpacked code of the functions; MiniStack leaves it behind
    shutil.rmtree(temp, ignore_errors=True)
    temp.mkdir()
    env = {
        **os.environ,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AUTH": "true",  # each function gets its own policy and no more, as on AWS
        "PERSIST_STATE": "1" if persist else "0",
        "STATE_DIR": str(state_dir / "state"),
        "S3_PERSIST": "1" if persist else "0",
        "S3_DATA_DIR": str(state_dir / "s3"),
        "TMPDIR": str(temp),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LOG_LEVEL": os.environ.get("MINISTACK_LOG_LEVEL", "WARNING"),
    }
    with (state_dir / "ministack.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[lock],
        )


def _wait_ready(child: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise CloudError(f"MiniStack ended with status {child.returncode}; see {log}")
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"{_endpoint(port)}/_ministack/ready", timeout=2) as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise CloudError(f"MiniStack was not ready within {READY_WITHIN:.0f} s; see {log}")


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise CloudError(f"port {port} is used by another program: choose one with FENRUN_PORT=<port>")


@contextlib.contextmanager
def _lock(state_dir: Path) -> Iterator[int | None]:
    """The open lock file, or None when MiniStack holds it. The child inherits it and holds it until it dies."""
    fd = os.open(state_dir / "ministack.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield fd
    finally:
        os.close(fd)


def _held(state_dir: Path) -> bool:
    if not state_dir.is_dir():
        return False
    with _lock(state_dir) as lock:
        return lock is None


def _pid_and_port(state_dir: Path) -> tuple[int, int]:
    try:
        pid, port = (state_dir / "ministack.pid").read_text().split()
    except (OSError, ValueError):
        raise CloudError(
            f"MiniStack runs, but {state_dir / 'ministack.pid'} does not say which process it is"
        ) from None
    return int(pid), int(port)


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _endpoint(port: int) -> str:
    return f"http://127.0.0.1:{port}"
