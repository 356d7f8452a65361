"""The command of this package as it runs in a pod: with the account where Kubernetes mounts it."""

from __future__ import annotations

import os
import signal
import subprocess

from peers import COMMAND

_ACCOUNT = "/run/secrets/kubernetes.io/serviceaccount"
_AROUND = ["unshare", "--map-root-user", "--mount", "sh", "-ec"]
_MOUNT = f"mount -t tmpfs none /run; mkdir -p {_ACCOUNT}; mount --bind $ACCOUNT {_ACCOUNT}; "


def can_mount() -> bool:
    """Whether this machine gives a process a file system of its own."""
    script = [*_AROUND, "mount -t tmpfs none /run"]
    return subprocess.run(script, capture_output=True, check=False).returncode == 0


class PodProcess:
    """``otel-kubecost run``; its log is in ``log`` after it ended."""

    def __init__(self, *arguments, account, env) -> None:
        self._process = subprocess.Popen(
            [*_AROUND, _MOUNT + 'exec "$@"', "sh", *COMMAND, "run", *map(str, arguments)],
            env=os.environ | env | {"ACCOUNT": str(account)},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
            self.wait()

    def has_ended(self):
        return self._process.poll() is not None

    def terminate(self):
        self._process.send_signal(signal.SIGTERM)

    def wait(self):
        """The exit code; fails where the process waits for something that hangs."""
        _, self.log = self._process.communicate(timeout=10)
        return self._process.returncode
