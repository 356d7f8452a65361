"""The deployment guide's variables, without any file."""

from __future__ import annotations

import pytest

from otel_kubecost.component import ComponentID, Kind
from otel_kubecost.components import builtin_factories
from otel_kubecost.config.builtin_pipeline import config_from_environment, without_effect
from otel_kubecost.config.checked import Config, parse_config
from otel_kubecost.errors import ConfigError

ACCOUNT = "aaaaaaaa-1111-1111-1111-aaaaaaaaaaaa"
PUSH = {
    "REMOTE_WRITE_URL": "https://dashboard.cloudtuner.ai/storage/api/v2/write",
    "REMOTE_WRITE_PASSWORD_FILE": "/secrets/password",
}


def config(**environ: str) -> Config:
    confmap = config_from_environment({"TENANT_ID": ACCOUNT, **environ})
    return parse_config(confmap, builtin_factories())


def refused(**environ: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        config(**environ)
    return [str(problem) for problem in raised.value.problems]


def receiver(**environ: str):
    return config(**environ).components[Kind.RECEIVER][ComponentID("kubecost")].options


def exporter(name: str, **environ: str):
    return config(**environ).components[Kind.EXPORTER][ComponentID.parse(name)].options


def test_account_alone_is_enough():
    """With TENANT_ID only, the guide's exporter: its defaults, its page, its lines in the log."""
    options = receiver()
    assert options.endpoint == "http://kubecost-cost-analyzer.kubecost.svc.cluster.local:9090"
    assert options.tenant_id == ACCOUNT
    assert options.cluster_name == "kubernetes"
    assert options.currency == "USD"
    assert options.collection_interval == 120
    assert options.jitter == 10
    assert options.window == 3600
    assert options.levels == ("cluster", "namespace")
    assert options.metric_mode == "rate"
    assert options.include_idle is True
    assert options.share_idle is False
    pipeline = config().pipelines["metrics"]
    assert list(map(str, pipeline.exporters)) == ["prometheus"]
    assert pipeline.processors == ()
    assert config().telemetry.logs.format == "guide"
    assert exporter("prometheus").endpoint == "0.0.0.0:9103"


def test_every_variable_reaches_its_option():
    """Each variable of the guide's chart is the option that it was there."""
    options = receiver(
        KUBECOST_URL="http://kc.cloudtuner-system.svc.cluster.local:9090",
        CLUSTER_NAME="prod-us-east-1",
        CURRENCY="EUR",
        SCRAPE_INTERVAL="300",
        SCRAPE_JITTER_MAX="30s",
        WINDOW="24h",
        METRIC_MODE="total",
        INCLUDE_IDLE="false",
        SHARE_IDLE="true",
        TENANT_ID="1e5",
    )
    assert options.endpoint == "http://kc.cloudtuner-system.svc.cluster.local:9090"
    assert options.cluster_name == "prod-us-east-1"
    assert options.currency == "EUR"
    assert options.collection_interval == 300
    assert options.jitter == 30
    assert options.window == 86_400
    assert options.metric_mode == "total"
    assert options.include_idle is False
    assert options.share_idle is True
    assert options.tenant_id == "1e5"
    assert exporter("prometheus", EXPORTER_PORT="9999").endpoint == "0.0.0.0:9999"


@pytest.mark.parametrize("word", ["weighted", "false", "False", ""])
def test_idle_is_shared_only_by_true(word):
    """Kubecost reads every other word as false."""
    assert receiver(SHARE_IDLE=word).share_idle is False


@pytest.mark.parametrize(
    "variables", [{"ENABLE_POD_METRICS": "True"}, {"AGGREGATION_LEVEL": "pod"}]
)
def test_pods_are_a_level_of_their_own(variables):
    """Either switch adds the cost of pods to that of namespaces, the most costly by name."""
    assert receiver(**variables).levels == ("cluster", "namespace", "pod")
    limited = config(TOP_N_PODS="20", **variables)
    assert (
        limited.components[Kind.PROCESSOR][ComponentID("cardinality_limit")].options.top_n_pods
        == 20
    )
    assert list(map(str, limited.pipelines["metrics"].processors)) == ["cardinality_limit"]


def test_write_url_adds_the_push():
    """The data goes under the account of TENANT_ID, with the guide's user name."""
    options = exporter("prometheus_remote_write/cloudtuner", **PUSH)
    assert options.endpoint == PUSH["REMOTE_WRITE_URL"]
    assert options.headers == {"Cloud-Account-Id": ACCOUNT}
    assert options.basic_auth.username == "kubecost"
    assert str(options.basic_auth.password_file) == "/secrets/password"
    assert [str(name) for name in config(**PUSH).pipelines["metrics"].exporters] == [
        "prometheus_remote_write/cloudtuner",
        "prometheus",
    ]
    named = exporter("prometheus_remote_write/cloudtuner", **PUSH, REMOTE_WRITE_USERNAME="me")
    assert named.basic_auth.username == "me"


def test_variable_set_to_nothing_is_not_set():
    """Helm renders a value that is not given as an empty variable."""
    assert receiver(CLUSTER_NAME="", WINDOW="  ").cluster_name == "kubernetes"


@pytest.mark.parametrize("missing", [{}, {"TENANT_ID": ""}, {"TENANT_ID": " "}])
def test_account_is_required(missing):
    """The one thing that nobody can guess is named with where to find it."""
    with pytest.raises(ConfigError) as raised:
        parse_config(config_from_environment({**PUSH, **missing}), builtin_factories())
    assert str(raised.value) == (
        "TENANT_ID: is required; set the environment variable TENANT_ID (Helm value "
        "allocationExporter.config.tenantId) to the Cloud Account ID shown in CloudTuner under "
        "Cloud Accounts"
    )


def test_push_with_a_user_needs_a_password():
    """A user without a password file is a mistake; without either the push is unauthenticated."""
    url = {"REMOTE_WRITE_URL": PUSH["REMOTE_WRITE_URL"]}
    [problem] = refused(**url, REMOTE_WRITE_USERNAME="kubecost")
    assert problem == (
        "REMOTE_WRITE_PASSWORD_FILE: is required with REMOTE_WRITE_USERNAME; mount the password "
        "of the CloudTuner data source as a file and give its path"
    )
    push, _ = config(**url).components[Kind.EXPORTER].values()
    assert push.options.basic_auth is None


def test_placeholder_in_the_account_is_reported_once():
    """Although the account is used twice."""
    [problem] = refused(**PUSH, TENANT_ID="REPLACE_WITH_YOUR_CLOUD_ACCOUNT_ID")
    assert problem == (
        'TENANT_ID: still is the placeholder "REPLACE_WITH_YOUR_CLOUD_ACCOUNT_ID", so nothing was '
        "sent; write the Cloud Account ID shown in CloudTuner under Cloud Accounts"
    )


WRONG = {
    "ACCUMULATE": "sometimes",
    "AGGREGATION_LEVEL": "node",
    "CURRENCY": "EURO",
    "ENABLE_POD_METRICS": "1",
    "EXPORTER_PORT": "99999",
    "INCLUDE_IDLE": "perhaps",
    "KUBECOST_URL": "kubecost:9090",
    "METRIC_MODE": "average",
    "REMOTE_WRITE_URL": "dashboard.cloudtuner.ai",
    "SCRAPE_INTERVAL": "two minutes",
    "SCRAPE_JITTER_MAX": "-1",
    "SHARE_IDLE": "half",
    "STEP": "hourly",
    "TENANT_ID": "a\nb",
    "TIME_SERIES": "0.5",
    "WINDOW": "fortnight",
}


@pytest.mark.parametrize("name", WRONG)
def test_mistakes_name_their_variable(name):
    """Whatever finds the mistake, the user reads the name of the variable and no path."""
    assert [line.partition(":")[0] for line in refused(**{**PUSH, name: WRONG[name]})] == [name]


def test_top_n_is_checked_with_pods():
    """TOP_N_PODS matters, and is checked, where there are pods."""
    assert refused(TOP_N_PODS="many", ENABLE_POD_METRICS="true") == [
        'TOP_N_PODS: must be a whole number, not "many"'
    ]


def test_all_mistakes_are_reported_at_once():
    """One start of the container is enough to read them all."""
    names = {line.partition(":")[0] for line in refused(**WRONG, TOP_N_PODS="x")}
    assert {"ACCUMULATE", "CURRENCY", "EXPORTER_PORT", "KUBECOST_URL", "SCRAPE_INTERVAL"} <= names


def test_variables_without_effect_are_named():
    """Variables that shaped the old exporter's query are accepted, and said to change nothing."""
    environ = {"STEP": "1h", "ACCUMULATE": "true", "TIME_SERIES": "", "WINDOW": "24h"}
    assert without_effect(environ) == ["ACCUMULATE", "STEP"]
    assert without_effect({"REMOTE_WRITE_USERNAME": "me"}) == ["REMOTE_WRITE_USERNAME"]
    assert without_effect({**PUSH, "REMOTE_WRITE_USERNAME": "me"}) == []
