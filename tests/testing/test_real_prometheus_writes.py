"""The receiver against the best sender there is: a real Prometheus.

Not asked of it is ``Cloud-Account-Id``: the build that Debian ships ignores ``headers``.
"""

import os
import shutil
import socket
import subprocess

import pytest

from otel_kubecost.testing import HttpServer, RemoteWriteReceiver, Reply, is_stale

pytestmark = pytest.mark.skipif(not shutil.which("prometheus"), reason="needs prometheus")

CONFIG = """
global: {{scrape_interval: 200ms}}
scrape_configs:
- job_name: costs
  static_configs: [{{targets: ["{target}"]}}]
remote_write:
- url: {endpoint}
  basic_auth: {{username: kubecost, password: secret}}
  queue_config: {{batch_send_deadline: 100ms}}
  metadata_config: {{send_interval: 500ms}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def receiver():
    with RemoteWriteReceiver(basic_auth=("kubecost", "secret")) as server:
        yield server


@pytest.fixture
def target():
    """A page of metrics whose series leave when told to."""
    pages = ['cost{namespace="shop",pod="web \\"1\\" é"} 1.25\ncost{namespace="dev"} 0\n']
    with HttpServer(lambda _: Reply(200, pages[-1].encode(), "text/plain")) as server:
        server.pages = pages
        yield server


@pytest.fixture
def prometheus(tmp_path, receiver, target):
    config = tmp_path / "prometheus.yml"
    host = target.url.removeprefix("http://")
    config.write_text(CONFIG.format(target=host, endpoint=receiver.endpoint))
    command = [
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{free_port()}",
    ]
    environment = {**os.environ, "GOMAXPROCS": "1"}
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(command, stderr=log, env=environment) as process,
    ):
        yield process
        process.terminate()


def series_named(receiver, name, **labels):
    wanted = {"__name__": name, **labels}
    return {
        key: points
        for key, points in receiver.series.items()
        if wanted.items() <= dict(key).items()
    }


@pytest.mark.usefixtures("prometheus")
def test_a_real_prometheus_breaks_no_rule(receiver, target):
    """Samples, metadata and the stale marker of a real sender are taken without a violation."""
    assert receiver.wait_for(lambda them: len(series_named(them, "cost")) == 2, timeout=60)
    (points,) = series_named(receiver, "cost", namespace="shop", pod='web "1" é').values()
    assert points[0][1] == 1.25
    target.pages.append('cost{namespace="dev"} 0\n')

    def ended(them):
        (points,) = series_named(them, "cost", namespace="shop").values()
        return is_stale(points[-1][1])

    assert receiver.wait_for(ended, timeout=60)
    assert [dict(key)["namespace"] for key in receiver.latest() if dict(key)["__name__"] == "cost"]
    assert not any(dict(key).get("namespace") == "shop" for key in receiver.latest())
    assert receiver.violations == []
