"""The receiver against the best sender there is: a real Prometheus.

Not asked of it is ``Cloud-Account-Id``: the build that Debian ships ignores ``headers``.
"""

import pytest
from peers import Prometheus

from otel_kubecost.testing import HttpServer, RemoteWriteReceiver, Reply, decode, is_stale

pytestmark = pytest.mark.peers

HEAD, DEV = "# TYPE cost gauge\n", 'cost{namespace="dev"} 0\n'
SHOP = 'cost{namespace="shop",pod="web \\"1\\" é"} 1.25\n'


def remote_write_to(receiver):
    return {
        "url": receiver.endpoint,
        "basic_auth": {"username": "kubecost", "password": "secret"},
        "queue_config": {"batch_send_deadline": "100ms"},
        "metadata_config": {"send_interval": "500ms"},
    }


def pods(receiver):
    """The samples of each series of the scraped metric, by pod."""
    found = ((dict(labels), points) for labels, points in receiver.series.items())
    return {pairs.get("pod"): points for pairs, points in found if pairs["__name__"] == "cost"}


def described(receiver):
    """Names of the families that metadata came for."""
    return {name for request in receiver.requests for name in decode(request.body).metadata}


def test_a_real_prometheus_breaks_no_rule(tmp_path):
    """Samples, metadata and the stale marker of a real sender are taken without a violation."""
    pages, shop = [HEAD + SHOP + DEV], 'web "1" é'
    with (
        HttpServer(lambda _: Reply(200, pages[-1].encode(), "text/plain")) as target,
        RemoteWriteReceiver(basic_auth=("kubecost", "secret")) as receiver,
        Prometheus(
            tmp_path,
            scrape=(target.url.removeprefix("http://"),),
            remote_write=(remote_write_to(receiver),),
        ),
    ):
        assert receiver.wait_for(lambda them: set(pods(them)) == {shop, None}, timeout=60)
        assert pods(receiver)[shop][0][1] == 1.25
        pages.append(HEAD + DEV)
        assert receiver.wait_for(lambda them: is_stale(pods(them)[shop][-1][1]), timeout=60)
        assert receiver.wait_for(lambda them: "cost" in described(them), timeout=60)
        found = [dict(labels) for labels in receiver.latest()]
    assert [one["namespace"] for one in found if one["__name__"] == "cost"] == ["dev"]
    assert receiver.violations == []
