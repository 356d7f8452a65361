"""The receiver against a Kubecost that misbehaves, over real HTTP."""

import threading
from itertools import cycle

import pytest

from otel_kubecost.attributes import DESCRIPTIVE
from otel_kubecost.errors import ConfigError
from otel_kubecost.receivers.kubecost import KubecostReceiver
from otel_kubecost.receivers.kubecost.window import parse_time
from otel_kubecost.testing import (
    FakeClock,
    FakeKubecost,
    Flavour,
    Reply,
    cut_after,
    drip,
    gzipped,
    hang,
    login_redirect,
    spa_page,
)

NOW = parse_time("2026-11-23T11:47:00Z")
PREFIX = "cloudtuner_kubecost_"
DAY = {"start": "2026-11-22T11:00:00Z", "end": "2026-11-23T11:00:00Z"}
"""The window of 24 settled hours at NOW."""


def row(total, **fields):
    return {**DAY, "window": DAY, "totalCost": total, "cpuCost": total, "ramCost": 0} | fields


def answer(*sets):
    return {"code": 200, "data": list(sets)}


SHOP = answer({"one/shop": row(24.0), "one/__idle__": row(12.0)})


@pytest.fixture
def clock():
    return FakeClock(NOW)


@pytest.fixture
def receiver(clock):
    """Makes receivers and shuts them down."""
    made = []

    def make(kubecost, **options):
        defaults = {
            "tenant_id": "t",
            "cluster_name": "prod",
            "timeout": "2s",
            "currency": "USD",  # else Kubecost is asked, too
        }
        url = kubecost if isinstance(kubecost, str) else kubecost.url
        made.append(KubecostReceiver(**defaults | {"endpoint": url} | options, clock=clock))
        return made[-1]

    yield make
    for one in made:
        one.shutdown(timeout_millis=3000)


def values(batches):
    """Values by metric (without the prefix) and by the attributes that are not everywhere."""
    found = {}
    for batch in batches:
        for resource in batch.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        about = [str(v) for k, v in point.attributes.items()
                                 if k not in {"currency", "service.instance.id"}]  # fmt: skip
                        found[(metric.name.removeprefix(PREFIX), *about)] = point.value
    return found


def costs(found):
    return {key: value for key, value in found.items() if not key[0].startswith("exporter_")}


def collect(receiver, mark=NOW):
    return values(receiver.collect(mark))


@pytest.mark.parametrize("flavour", Flavour)
def test_the_path_is_found_by_probing_and_remembered(receiver, flavour):
    """Kubecost's interface answers any path with a page, OpenCost 404; the API is found either
    way and asked alone from then on."""
    with FakeKubecost(SHOP, flavour=flavour) as kubecost:
        one = receiver(kubecost)
        assert collect(one)["namespace_total_cost", "shop"] == 1.0
        probes = len(kubecost.requests)
        collect(one, NOW + 120)
        assert len(kubecost.requests) == probes + 1


def test_an_endpoint_with_a_path_is_used_as_it_is(receiver):
    """Whoever writes a path knows it; only what is below it is tried beside."""
    with FakeKubecost(SHOP, flavour=Flavour.OPENCOST) as kubecost:
        one = receiver(f"{kubecost.url}/allocation/compute")
        assert collect(one)["namespace_total_cost", "shop"] == 1.0
        wrong = receiver(f"{kubecost.url}/elsewhere")
        assert collect(wrong)["exporter_scrape_success",] == 0
        assert {request.path.split("?")[0] for request in kubecost.requests} == {
            "/allocation/compute", "/elsewhere", "/elsewhere/allocation",
        }  # fmt: skip


def test_the_window_is_explicit_closed_and_settled(receiver):
    """At 11:47 a day ends at 11:00, in whole seconds with a literal Z; idle is asked for in both
    products' words and never shared."""
    with FakeKubecost(SHOP) as kubecost:
        collect(receiver(kubecost, levels=["namespace", "pod"]))
        queries = [request.query for request in kubecost.requests]
    window = "2026-11-22T11:00:00Z,2026-11-23T11:00:00Z"
    assert [query["aggregate"] for query in queries] == [
        "cluster,namespace",
        "cluster,namespace,pod",
    ]
    for query in queries:
        assert query["window"] == window
        assert (query["idle"], query["includeIdle"], query["shareIdle"]) == (
            "true",
            "true",
            "false",
        )


def test_resources_say_tenant_and_cluster_and_no_more(receiver):
    """No service.instance.id or SDK version: a restart must not make new series. Costs say beside
    which product they come from, which is no part of what they are."""
    with FakeKubecost(SHOP) as kubecost:
        batches = list(receiver(kubecost).collect(NOW))
    resources = {
        tuple(
            sorted(
                (key, value)
                for key, value in one.resource.attributes.items()
                if key not in DESCRIPTIVE
            )
        )
        for batch in batches
        for one in batch.resource_metrics
    }
    assert resources == {(("k8s.cluster.name", "prod"), ("tenant.id", "t"))}


def test_samples_have_the_time_of_the_mark(receiver):
    """Whatever the answer's own times are."""
    with FakeKubecost(SHOP) as kubecost:
        batches = list(receiver(kubecost).collect(NOW))
    times = {
        point.time_unix_nano
        for batch in batches
        for resource in batch.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    }
    assert times == {int(NOW) * 10**9}


def test_rates_are_over_the_hours_that_the_data_covers(receiver):
    """A cluster that is three hours old is not billed as if it were a day old."""
    young = row(24.0, start="2026-11-23T08:00:00Z")
    with FakeKubecost(answer({"one/shop": young})) as kubecost:
        found = collect(receiver(kubecost))
    assert found["namespace_total_cost", "shop"] == 8.0


def test_totals_stay_totals_when_asked_for(receiver):
    """The guide's METRIC_MODE=total."""
    with FakeKubecost(SHOP) as kubecost:
        found = collect(receiver(kubecost, metric_mode="total"))
    assert found["namespace_total_cost", "shop"] == 24.0


def test_the_cluster_is_the_sum_of_all_its_rows(receiver):
    """Namespaces, idle, unallocated, unmounted and shared add up to the cluster's total, and what
    is no namespace is told apart."""
    rows = {
        "one/shop": row(24.0),
        "one/dev": row(2.4),
        "__idle__": row(12.0),
        "one/__unallocated__": row(1.2),
        "one/x-unmounted-pvcs/__unmounted__": row(0.24),
        "one/__shared__": row(0.12),
    }
    with FakeKubecost(answer(rows)) as kubecost:
        found = collect(receiver(kubecost))
    parts = {word: found[f"cluster_{word}_cost",] for word in
             ("idle", "unallocated", "unmounted", "shared")}  # fmt: skip
    assert parts == pytest.approx(
        {"idle": 0.5, "unallocated": 0.05, "unmounted": 0.01, "shared": 0.005}
    )
    namespaces = {key[1]: value for key, value in found.items() if key[0] == "namespace_total_cost"}
    assert set(namespaces) == {"shop", "dev"}
    total = found["cluster_total_cost",]
    assert total == pytest.approx(sum(parts.values()) + sum(namespaces.values()))


def test_zeros_are_sent_and_what_is_not_known_is_absent(receiver):
    """A zero that Kubecost reports is a zero; null, missing and unreadable numbers are no sample,
    and no sum is published that one of them is part of."""
    rows = {
        "one/a": row(24.0, pvCost=0, networkCost=None, loadBalancerCost="None", cpuEfficiency=None),
        "one/b": row(24.0, pvCost=2.4, networkCost=1.0),
    }
    with FakeKubecost(answer(rows)) as kubecost:
        found = collect(receiver(kubecost))
    assert found["namespace_pv_cost", "a"] == 0.0
    assert found["cluster_pv_cost",] == pytest.approx(0.1)
    assert found["namespace_network_cost", "b"] == pytest.approx(1 / 24)
    for absent in ("namespace_network_cost", "namespace_lb_cost", "namespace_cpu_efficiency"):
        assert (absent, "a") not in found
    assert ("cluster_network_cost",) not in found
    assert ("namespace_gpu_cost", "a") not in found
    assert found["cluster_total_cost",] == 2.0


def test_occasional_costs_are_sent_where_they_are_not_zero(receiver):
    """GPU, shared and external costs exist for those who have them."""
    rows = {"one/a": row(48.0, gpuCost=24.0, sharedCost=2.4, externalCost=1.2), "one/b": row(1.0)}
    with FakeKubecost(answer(rows)) as kubecost:
        found = collect(receiver(kubecost))
    assert found["namespace_gpu_cost", "a"] == found["cluster_gpu_cost",] == 1.0
    assert found["namespace_shared_cost", "a"] == pytest.approx(0.1)
    assert found["cluster_external_cost",] == pytest.approx(0.05)
    assert ("namespace_gpu_cost", "b") not in found


def test_pods_of_one_name_stay_apart_by_namespace(receiver):
    """A pod is known by its namespace and name; only the wanted metrics are sent."""
    rows = {"one/a/web-0": row(24.0), "one/b/web-0": row(48.0), "one/__idle__": row(1.0)}
    with FakeKubecost(answer(rows)) as kubecost:
        some = collect(receiver(kubecost, levels=["pod"]))
        every = collect(receiver(kubecost, levels=["pod"], pod_metrics="all"))
    assert costs(some) == {
        ("pod_total_cost", "a", "web-0"): 1.0, ("pod_total_cost", "b", "web-0"): 2.0,
        ("pod_cpu_cost", "a", "web-0"): 1.0, ("pod_cpu_cost", "b", "web-0"): 2.0,
        ("pod_ram_cost", "a", "web-0"): 0.0, ("pod_ram_cost", "b", "web-0"): 0.0,
    }  # fmt: skip
    assert costs(some).items() <= costs(every).items()


def test_several_clusters_become_several_resources(receiver):
    """Namespaces of one name in two clusters are never added up; each cluster has its own hours."""
    half = row(24.0, start="2026-11-22T23:00:00Z")
    with FakeKubecost(answer({"one/shop": row(24.0), "two/shop": half})) as kubecost:
        batch, _ = receiver(kubecost).collect(NOW)
    found = {
        resource.resource.attributes["k8s.cluster.name"]: values(
            [type(batch)(resource_metrics=[resource])]
        )
        for resource in batch.resource_metrics
    }
    assert found["one"]["namespace_total_cost", "shop"] == 1.0
    assert found["two"]["namespace_total_cost", "shop"] == 2.0


def test_an_idle_row_of_no_cluster_is_kept_apart_among_several(receiver):
    """Whose it is nobody knows: it must not take the place of a cluster's own total, not even of
    one that is called as the display name."""
    rows = {"prod/a": row(24.0), "other/a": row(24.0), "__idle__": row(2.4)}
    with FakeKubecost(answer(rows)) as kubecost:
        batch, _ = receiver(kubecost).collect(NOW)
    totals = {
        one.resource.attributes["k8s.cluster.name"]: values([type(batch)([one])])[
            "cluster_total_cost",
        ]
        for one in batch.resource_metrics
    }
    assert totals == {"prod": 1.0, "other": 1.0, "__unallocated__": pytest.approx(0.1)}


def test_external_cost_is_no_part_of_the_clusters_total(receiver):
    """The total is the sum of namespaces, idle, unallocated, unmounted and shared, always."""
    rows = {"one/a": row(24.0), "one/__external__": row(48.0, externalCost=48.0)}
    with FakeKubecost(answer(rows)) as kubecost:
        found = collect(receiver(kubecost))
    assert found["cluster_total_cost",] == 1.0
    assert found["cluster_external_cost",] == 2.0


def test_time_that_two_sets_span_counts_once(receiver):
    """Sets over one window are parts of the same hours."""
    with FakeKubecost(answer({"one/a": row(24.0)}, {"one/b": row(24.0)})) as kubecost:
        found = collect(receiver(kubecost))
    assert found["namespace_total_cost", "a"] == 1.0


def test_several_sets_are_added_up(receiver):
    """Three daily sets are one window of three days; a null one among them covers no hours."""

    def day(number, total):
        span = {"start": f"2026-11-{number}T00:00:00Z", "end": f"2026-11-{number + 1}T00:00:00Z"}
        return {"one/shop": row(total) | span | {"window": span}}

    with FakeKubecost(answer(day(19, 24.0), None, day(21, 72.0))) as kubecost:
        found = collect(receiver(kubecost))
    assert found["namespace_total_cost", "shop"] == 2.0


@pytest.mark.parametrize(
    "nothing", [answer(None), answer({}), answer(), {"code": 200, "data": None}]
)
def test_hours_that_are_not_there_yet_are_stepped_over(receiver, nothing):
    """The newest window without data is not a window that costs nothing: an older one is asked."""

    def by_window(query):
        return nothing if query.end > parse_time("2026-11-23T09:00:00Z") else SHOP

    with FakeKubecost(by_window) as kubecost:
        found = collect(receiver(kubecost))
        windows = [request.query["window"] for request in kubecost.requests]
    assert found["namespace_total_cost", "shop"] == 1.0
    assert [window[-20:] for window in windows] == [
        "2026-11-23T11:00:00Z", "2026-11-23T10:00:00Z", "2026-11-23T09:00:00Z",
    ]  # fmt: skip


def test_opencost_is_asked_again_unaccumulated_when_it_cannot_accumulate(receiver):
    """Its 500 for an empty step is no outage (openchoreo 4522): the steps that have data count."""
    message = "error accumulating all:AllocationSetRange has empty AssetSet in accumulation"

    def steps(query):
        if query.accumulate:
            return {"code": 500, "data": None, "message": message}
        return answer({}, {"one/shop": row(24.0)})

    with FakeKubecost(steps) as kubecost:
        assert collect(receiver(kubecost))["namespace_total_cost", "shop"] == 1.0


FAULTS = {
    "500 in JSON": (Reply(500, b'{"code":500,"message":"it failed"}'), "returned 500: it failed"),
    "500 in text": (Reply(500, b"no luck", "text/plain"), 'Internal Server Error "no luck"'),
    "502 page": (Reply(502, b"<html>", "text/html"), "returned 502: Bad Gateway"),
    "error inside 200": (Reply(200, b'{"code":500,"message":"query failed"}'), "query failed"),
    "bad window": (Reply(400, b"illegal window", "text/plain"), 'Bad Request "illegal window"'),
    "unauthorized": (401, "wants authentication: it answered 401"),
    "login": (login_redirect, "wants authentication: it answered 302"),
    "empty body": (Reply(200, b""), "not JSON"),
    "hang": (hang, "Failed to query Kubecost"),
    "drip": (drip(0.2), "Failed to query Kubecost"),
    "cut": (cut_after(40), "Failed to query Kubecost"),
}


@pytest.mark.parametrize(("fault", "reason"), FAULTS.values(), ids=FAULTS)
def test_a_failed_scrape_repeats_the_last_good_answer_and_says_why(receiver, caplog, fault, reason):
    """No traceback and no invented zero: the costs of before go on, scrape_success is 0 at once,
    and the next mark tries again."""
    caplog.set_level("INFO", "otel_kubecost")
    with FakeKubecost(SHOP) as kubecost:
        one = receiver(kubecost)
        before = collect(one)
        kubecost.script([fault])
        during = collect(one, NOW + 120)
        after = collect(one, NOW + 180)
    assert costs(during) == costs(before) != {}
    assert [found["exporter_scrape_success",] for found in (before, during, after)] == [1, 0, 1]
    assert [found["exporter_scrape_errors",] for found in (before, during, after)] == [0, 1, 1]
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1
    assert reason in errors[0].getMessage()
    assert errors[0].exc_info is None


def test_a_page_everywhere_is_no_api(receiver, caplog):
    """The interface's page with status 200 is not an answer; the message says what was tried."""
    with FakeKubecost(SHOP) as kubecost:
        kubecost.script([spa_page, spa_page])
        found = collect(receiver(kubecost))
    assert costs(found) == {}
    assert "/model/allocation answered with an HTML page" in caplog.text
    assert "Set endpoint to the URL of Kubecost" in caplog.text


@pytest.mark.parametrize(
    "other", [Reply(200, b"ok"), Reply(200, b""), Reply(200, b'{"message":"hi"}'), 403, 502, 400]
)
def test_something_else_at_the_first_path_does_not_hide_the_api(receiver, other):
    """A path is the API's when JSON of an allocation query comes from it, and not before."""
    with FakeKubecost(SHOP, flavour=Flavour.OPENCOST) as kubecost:
        kubecost.script([other])
        one = receiver(kubecost)
        assert collect(one)["namespace_total_cost", "shop"] == 1.0
        kubecost.script([503])
        assert collect(one, NOW + 120)["exporter_scrape_success",] == 0
        assert collect(one, NOW + 180)["exporter_scrape_success",] == 1


def test_an_answer_without_any_readable_cost_is_an_error(receiver, caplog):
    """Nothing to publish is no success: what was published before goes on."""
    with FakeKubecost(answer({"one/a": {"name": "one/a"}})) as kubecost:
        found = collect(receiver(kubecost))
    assert found["exporter_scrape_success",] == 0
    assert "No cost in Kubecost's answer can be read" in caplog.text


def test_a_shutdown_does_not_wait_for_a_query(receiver):
    """A Kubecost that hangs must not take the time that exporters need to send what they have."""
    with FakeKubecost(SHOP) as kubecost:
        kubecost.script([hang])
        one = receiver(kubecost, timeout="60s")
        waiting = threading.Thread(target=lambda: list(one.collect(NOW)))
        waiting.start()
        while not kubecost.requests:
            waiting.join(0.01)
        one.shutdown()
        waiting.join(20)
        assert not waiting.is_alive()


def test_a_refused_connection_is_said_in_the_guides_words(receiver, caplog):
    """``Failed to query Kubecost: connection refused`` is what users are told to look for."""
    found = collect(receiver("http://127.0.0.1:9"))
    assert found["exporter_scrape_success",] == 0
    assert "Failed to query Kubecost: connection refused" in caplog.text


def test_data_from_before_the_window_is_published_with_a_warning(receiver, caplog):
    """A Kubecost that stopped collecting answers with what it has; someone should know."""
    old = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}
    with FakeKubecost(answer({"one/a": {**old, "totalCost": 24.0}})) as kubecost:
        found = collect(receiver(kubecost))
    assert found["namespace_total_cost", "a"] == 1.0
    (record,) = [one for one in caplog.records if one.levelname == "WARNING"]
    assert "older than the window" in record.getMessage()
    assert record.data_through == "2026-01-02T00:00:00Z"


def test_nothing_but_empty_answers_is_a_warning_with_patience(receiver, caplog):
    """Kubecost needs a while after its installation; nothing is published meanwhile."""
    with FakeKubecost(answer(None)) as kubecost:
        found = collect(receiver(kubecost))
    assert costs(found) == {}
    assert found["exporter_scrape_success",] == 0
    (record,) = [one for one in caplog.records if one.levelname == "WARNING"]
    assert record.getMessage() == "Kubecost allocation query returned empty data"
    assert "15 to 30 minutes" in record.hint


def test_an_answer_that_is_too_old_is_no_longer_repeated(receiver):
    """After max_staleness the costs end, and the empty batch says that they have."""
    with FakeKubecost(SHOP) as kubecost:
        one = receiver(kubecost, max_staleness="5m")
        assert costs(collect(one)) != {}
        kubecost.script([500] * 20)
        assert costs(collect(one, NOW + 300)) != {}
        assert costs(collect(one, NOW + 360)) == {}
        batch, own = one.collect(NOW + 420)
        assert batch.resource_metrics[0].scope_metrics[0].metrics
        assert values([own])["exporter_series_count",] == 0


def test_kubecost_is_asked_at_its_own_interval(receiver):
    """Samples leave at every mark; Kubecost is asked at marks of collection_interval."""
    with FakeKubecost(SHOP) as kubecost:
        one = receiver(kubecost, collection_interval="5m", emit_interval="1m")
        start = NOW - NOW % 300
        for minute in range(10):
            assert collect(one, start + 60 * minute)["namespace_total_cost", "shop"] == 1.0
        assert len(kubecost.requests) == 2


def test_a_slow_answer_does_not_hold_up_the_mark(receiver):
    """With patience over, a mark gets what there is; the same query goes on and serves the next."""
    with FakeKubecost(SHOP) as kubecost:
        kubecost.script([drip(0.002)])
        one = receiver(kubecost, timeout="60s", max_staleness="1h")
        first = values(one.collect(NOW, patience=0.01))
        assert ("exporter_scrape_success",) not in first
        assert collect(one, NOW + 60)["namespace_total_cost", "shop"] == 1.0
        assert len(kubecost.requests) == 1


def test_a_version_that_moved_its_api_is_found_again(receiver):
    """An upgrade between two polls is survived by looking for the path anew."""
    with FakeKubecost(SHOP, flavour=Flavour.OPENCOST) as kubecost:
        one = receiver(kubecost)
        collect(one)
        kubecost.script([404])
        assert collect(one, NOW + 120)["namespace_total_cost", "shop"] == 1.0


def test_a_compressed_answer_is_read(receiver):
    """nginx compresses large answers whether or not it was asked to."""
    with FakeKubecost(SHOP) as kubecost:
        kubecost.script([gzipped])
        assert collect(receiver(kubecost))["namespace_total_cost", "shop"] == 1.0


def test_an_answer_beyond_the_cap_is_refused(receiver, caplog):
    """A body that grows without end must not take the process with it."""
    huge = answer({f"one/{at:0900}": row(1.0) for at in range(2000)})
    with FakeKubecost(huge) as kubecost:
        found = collect(receiver(kubecost, max_body_bytes="1MiB"))
    assert found["exporter_scrape_success",] == 0
    assert "Failed to query Kubecost" in caplog.text


def test_credentials_are_sent_as_configured(receiver, tmp_path):
    """A bearer token from its file, and Kubecost's own header for API keys."""
    token = tmp_path / "token"
    token.write_text("abc\n")
    with FakeKubecost(SHOP) as kubecost:
        collect(receiver(kubecost, auth={"bearer_token_file": str(token)}))
        collect(receiver(kubecost, auth={"api_key_file": str(token)}))
        headers = [request.headers for request in kubecost.requests]
    assert headers[0]["Authorization"] == "Bearer abc"
    assert headers[-1]["X-API-KEY"] == "abc"


def test_bad_options_are_refused_all_at_once():
    """A library user gets every mistake with its remedy, as the author of a file does."""
    with pytest.raises(ConfigError) as refused:
        KubecostReceiver(
            endpoint="kubecost:9090",
            tenant_id="t",
            window="90m",
            levels=["namespaces"],
            pod_metrics=["cost"],
            currency="dollars",
            interval="1m",
        )
    paths = {problem.path for problem in refused.value.problems}
    assert {"endpoint", "cluster_name", "levels[0]", "currency", "interval"} <= paths


def test_which_product_answers_is_said_once_and_again_when_it_changes(receiver, caplog):
    """After an upgrade, a rollback, or with another endpoint behind the same name."""
    with FakeKubecost(SHOP, flavour=Flavour.KUBECOST_2) as kubecost:
        one = receiver(kubecost)
        with caplog.at_level("INFO", logger="otel_kubecost"):
            for step in range(3):
                collect(one, NOW + 120 * step)
            kubecost.flavour = Flavour.KUBECOST_1
            for step in range(3, 6):
                collect(one, NOW + 120 * step)
    said = [text for text in caplog.messages if text.startswith("The costs come from")]
    assert len(said) == 2
    assert said[0] == "The costs come from Kubecost 2.4.0 (frontend)"
    assert said[1].startswith("The costs come from Kubecost 1.108")


def test_two_products_at_one_address_are_asked_a_bounded_number_of_times(receiver):
    """A replacement that rolls through: each answer may be another's, with another settle delay."""
    now = 1_795_435_200 + 600  # ten minutes past the hour their windows differ
    recent = answer({"one/shop": row(24.0, cpuCostIdle=0, totalEfficiency=1)})
    with FakeKubecost(recent, flavour=Flavour.KUBECOST_2) as kubecost:
        products = cycle([Flavour.OPENCOST_UI, Flavour.KUBECOST_2])

        def alternate(_):
            kubecost.flavour = next(products)
            return recent

        kubecost.answer(alternate)
        assert collect(receiver(kubecost), now)["exporter_scrape_success",] == 1
        asked = [one.query["window"] for one in kubecost.requests if "window" in one.query]
    assert len(asked) <= 4
    assert len(set(asked)) == 2


def test_agents_that_begin_between_two_questions_ask_for_the_same_window(receiver):
    """Windows go by the marks of collection_interval, not by when a process began."""
    hour = 1_795_435_200
    marks = [hour + minute * 60 for minute in (21, 25, 29)]
    with FakeKubecost(SHOP) as kubecost:
        for mark in marks:
            collect(receiver(kubecost, collection_interval="30m"), mark)
        asked = {one.query["window"] for one in kubecost.requests if "window" in one.query}
    assert len(asked) == 1
