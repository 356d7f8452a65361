"""Pages are asked for as Prometheus asks for them."""

import gzip
import time

import pytest
from scraping import TEXT, Target, job

from otel_kubecost.config.problems import build_options
from otel_kubecost.http.failure import FailureKind, HTTPFailure
from otel_kubecost.receivers.prometheus.config import ScrapeConfig
from otel_kubecost.receivers.prometheus.discovery.static import StaticDiscovery
from otel_kubecost.receivers.prometheus.discovery.targets import targets_of
from otel_kubecost.receivers.prometheus.fetching import Fetcher
from otel_kubecost.testing import Reply


def fetched(address, **options):
    """Content type and page."""
    made = build_options(ScrapeConfig, job(address, **options))
    (target,) = targets_of(made, StaticDiscovery(made.static_configs).groups())
    fetcher = Fetcher(made)
    try:
        with fetcher.page(target) as answer:
            return answer.content_type, b"".join(answer.chunks)
    finally:
        fetcher.close()


def failure(address, **options):
    with pytest.raises(HTTPFailure) as caught:
        fetched(address, **options)
    return caught.value


def to(place, status=302):
    return Reply(status, headers={"Location": place})


def test_a_scrape_says_what_it_takes_and_how_long_it_waits():
    """In the headers of Prometheus, with the parameters of the job."""
    with Target(federate=b"a 1\n") as server:
        options = {"metrics_path": "/federate", "params": {"match[]": ["up"]}}
        found = fetched(server.address, scrape_timeout="1500ms", **options)
    assert found == (TEXT, b"a 1\n")
    (request,) = server.requests
    assert request.headers["Accept"].startswith("application/openmetrics-text;version=1.0.0")
    assert request.headers["Accept-Encoding"] == "gzip"
    assert request.headers["X-Prometheus-Scrape-Timeout-Seconds"] == "1.5"
    assert request.headers["User-Agent"].startswith("otel-kubecost/")
    assert dict(request.query) == {"match[]": "up"}


def test_compressed_pages_are_decompressed():
    """And not asked for where the job says so."""
    packed = Reply(200, gzip.compress(b"a 1\n"), headers={"Content-Encoding": "gzip"})
    with Target(metrics=packed) as server:
        assert fetched(server.address)[1] == b"a 1\n"
        fetched(server.address, enable_compression=False)
    assert server.requests[1].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("place", ["/other", "other"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_to_the_same_place_are_followed(status, place):
    """With the same credentials: it is the same peer."""
    auth = {"basic_auth": {"username": "a", "password": "b"}}
    with Target(metrics=to(place, status), other=b"a 1\n") as server:
        assert fetched(server.address, **auth)[1] == b"a 1\n"
    first, second = (request.headers["Authorization"] for request in server.requests)
    assert first == second


def test_nothing_goes_where_a_redirect_points_elsewhere():
    """The credentials are for one place; the reason names the other one."""
    with Target(metrics=b"a 1\n") as elsewhere:
        with Target(metrics=to(f"{elsewhere.url}/metrics?token=x")) as server:
            error = failure(server.address, authorization={"credentials": "secret"})
        assert str(error) == f"the target redirects to another place ({elsewhere.url}/metrics)"
        assert elsewhere.requests == []


def test_redirects_that_are_not_to_be_followed_fail():
    """As any status that is not 200."""
    with Target(metrics=to("/other"), other=b"a 1\n") as server:
        assert "answered 302" in str(failure(server.address, follow_redirects=False))


def test_a_page_that_redirects_for_ever_fails():
    """After ten requests, as in Prometheus."""
    with Target(metrics=to("/metrics")) as server:
        assert "redirects more than 10 times" in str(failure(server.address))
    assert server.request_count == 10


@pytest.mark.parametrize(
    ("status", "hint"), [(204, ""), (401, "basic_auth"), (404, "metrics_path")]
)
def test_every_other_status_fails(status, hint):
    """The reason has the URL without its query."""
    with Target(metrics=Reply(status)) as server:
        error = failure(server.address, params={"token": ["x"]})
    assert str(error) == f"the target answered {status} ({server.url}/metrics)"
    assert hint in error.hint


def test_the_size_of_a_page_counts_decompressed():
    """From the limit on it fails, and no more of it is read."""
    packed = Reply(200, gzip.compress(bytes(2**24)), headers={"Content-Encoding": "gzip"})
    with Target(metrics=packed, small=b"a 1\n") as server:
        error = failure(server.address, body_size_limit="1KB")
        assert error.kind is FailureKind.TOO_LARGE
        assert "raise body_size_limit" in error.hint
        small = {"metrics_path": "/small"}
        assert fetched(server.address, body_size_limit=5, **small)[1] == b"a 1\n"
        assert failure(server.address, body_size_limit=4, **small).kind is FailureKind.TOO_LARGE


@pytest.mark.parametrize("fault", [Reply(hang=True), Reply(200, b"a 1\n" * 99, drip=0.01)])
def test_the_timeout_is_for_the_whole_page(fault):
    """A page that comes byte by byte has no more time than one that never begins."""
    with Target(metrics=fault) as server:
        began = time.monotonic()
        error = failure(server.address, scrape_timeout="100ms")
        assert time.monotonic() - began < 5  # and not for ever
    assert error.kind is FailureKind.TIMEOUT


def test_files_with_credentials_are_read_again(tmp_path):
    """A token that is renewed is used at the next scrape."""
    file = tmp_path / "token"
    file.write_text("one")
    with Target(metrics=b"a 1\n") as server:
        made = build_options(ScrapeConfig, job(server.address, bearer_token_file=str(file)))
        (target,) = targets_of(made, StaticDiscovery(made.static_configs).groups())
        fetcher = Fetcher(made)
        for token in ("one", "second"):
            file.write_text(token)
            with fetcher.page(target) as answer:
                list(answer.chunks)
        fetcher.close()
    assert [one.headers["Authorization"] for one in server.requests] == [
        "Bearer one",
        "Bearer second",
    ]
