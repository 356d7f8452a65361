"""Jobs of which Prometheus and ours have to make the same targets, each named after its subject."""

from __future__ import annotations


def job(name, *targets, labels=None, **more):
    return {
        "job_name": name,
        "scrape_interval": "2h",
        "scrape_timeout": "1s",
        "static_configs": [{"targets": list(targets), "labels": labels or {}}],
        **more,
    }


def rule(source="__address__", **more):
    return {"source_labels": [source] if source else [], **more}


def set_to(label, value):
    return {"target_label": label, "replacement": value}


ADDRESSES = (
    "h.test:1", "h.test", "127.0.0.1", "[::1]", "[::1]:9", "::1", "a:b:c", "h.test:", "[::1",
    "x]y", "[::1]x:1", "[a]:b]", ":9", "Ünï.test", "a b.test:1", "h%20.test:1", "<h>.test:1",
    'q"!*.test:1', "user@h.test:1", "h?.test:1", "h\\.test:1",
)  # fmt: skip
LENGTHS = ("5m", "90m", "1w", "1d12h", "1h30m15s", "1500ms", "1s", "2s1ms")
NO_LENGTHS = ("abc", "0", "0s", "", "1.5h", "-1s", "1s1m", "9999999y", " 1s", "1m 1s", "1µs")
PATHS = ("/m", "m", "", "/a b", "/q?x=1", "/ü", "/%41", "/a;b,c=d:e@f&g+h$", "/!*'()", "//x", "*")

JOBS = [
    job("addresses", *ADDRESSES),
    job("addresses of https", *ADDRESSES, scheme="https"),
    *(
        job(
            f"scheme {scheme!r}",
            "h.test",
            "h.test:1",
            relabel_configs=[set_to("__scheme__", scheme)],
        )
        for scheme in ("http", "https", "", "ftp", "HTTP")
    ),
    *(job(f"path {path!r}", "h.test", labels={"__metrics_path__": path}) for path in PATHS),
    job("path of the job", "h.test", metrics_path="/a/b c"),
    *(job(f"interval {text}", "h.test", labels={"__scrape_interval__": text}) for text in LENGTHS),
    *(job(f"timeout {text}", "h.test", labels={"__scrape_timeout__": text}) for text in LENGTHS),
    *(
        job(
            f"no interval {text!r}", "h.test", relabel_configs=[set_to("__scrape_interval__", text)]
        )
        for text in NO_LENGTHS
    ),
    *(
        job(f"no timeout {text!r}", "h.test", relabel_configs=[set_to("__scrape_timeout__", text)])
        for text in NO_LENGTHS
    ),
    *(
        job(f"interval of the job {text}", "h.test", scrape_interval=text)
        for text in ("7d", "8d", "36h", "365d", "366d", "90m", "1s500ms")
    ),
    job("timeout above the interval", "h.test", labels={"__scrape_timeout__": "3h"}),
    job("labels of the target", "h.test", labels={"team": "a", "job": "mine", "instance": "me"}),
    job("labels without a value", "h.test", labels={"team": "", "job": "", "instance": ""}),
    job("internal labels", "h.test", labels={"__own": "x", "__meta_y": "z", "___": "_", "_": "1"}),
    job(
        "parameters",
        "h.test",
        params={"b": ["2", "3"], "a": ["1"], "none": [], "q r&": ["s t/ü", "~*!"], "e": [""]},
    ),
    job("parameters of labels", "h.test", labels={"__param_a": "x", "__param_z": "y z"}),
    job(
        "a parameter of the job wins over the label",
        "h.test",
        labels={"__param_a": "label"},
        params={"a": ["job", "second"]},
    ),
    job(
        "parameters changed",
        "h.test",
        params={"a": ["1", "2"], "gone": ["3", "4"]},
        relabel_configs=[
            set_to("__param_a", "new"),
            set_to("__param_gone", ""),
            set_to("__param_", "n"),
        ],
    ),
    job(
        "a prober",
        "https://example.com/x?y=z",
        "example.org",
        metrics_path="/probe",
        params={"module": ["http_2xx"]},
        relabel_configs=[
            rule(target_label="__param_target"),
            rule("__param_target", target_label="instance"),
            set_to("__address__", "blackbox.test:9115"),
        ],
    ),
    job("a path in the address", "h.test", relabel_configs=[set_to("__address__", "h.test:1/x")]),
    job("no address", "h.test", relabel_configs=[set_to("__address__", "")]),
    job("kept", "a.test", "b.test", relabel_configs=[rule(regex="a.*", action="keep")]),
    job("dropped", "a.test", "b.test", relabel_configs=[rule(regex="a.*", action="drop")]),
    job("every label dropped", "h.test", relabel_configs=[{"regex": ".*", "action": "labeldrop"}]),
    job("job dropped", "h.test", relabel_configs=[{"regex": "job", "action": "labeldrop"}]),
    job("internal kept", "h.test", relabel_configs=[{"regex": "__.*", "action": "labelkeep"}]),
    job(
        "mapped",
        "h.test",
        labels={"__meta_kubernetes_node_label_zone": "z", "__meta_x": "1"},
        relabel_configs=[
            {"action": "labelmap", "regex": "__meta_kubernetes_node_label_(.+)"},
            {"action": "labelmap", "regex": "__meta_(x)", "replacement": "__own_${1}"},
        ],
    ),
    job(
        "sharded",
        *(f"h{number}.test:1" for number in range(12)),
        relabel_configs=[
            rule(target_label="__tmp", modulus=3, action="hashmod"),
            rule("__tmp", regex="1", action="keep"),
        ],
    ),
    job(
        "cases and comparisons",
        "H.test:1",
        "h.test:1",
        relabel_configs=[
            rule(target_label="__low", action="lowercase"),
            rule(target_label="__low", action="keepequal"),
            rule(target_label="big", action="uppercase"),
        ],
    ),
    job("twice", "h.test:1", "h.test:1", "h.test"),
    job("the same after the default port", "h.test:80", "h.test"),
    job(
        "the same after relabelling",
        "a.test",
        "b.test",
        relabel_configs=[set_to("__address__", "c")],
    ),
    job(
        "other for an internal label",
        "a.test",
        "b.test",
        relabel_configs=[
            rule(target_label="__kept", regex="(.)(.*)"),
            set_to("__address__", "c.test"),
        ],
    ),
    job(
        "instance of the node",
        "192.0.2.1:10250",
        labels={"__meta_kubernetes_node_name": "node-1"},
        relabel_configs=[
            set_to("__address__", "kubernetes.default.svc:443"),
            rule(
                "__meta_kubernetes_node_name",
                regex="(.+)",
                target_label="__metrics_path__",
                replacement="/api/v1/nodes/$1/proxy/metrics/cadvisor",
            ),
        ],
        scheme="https",
    ),
    job(
        "the port of an annotation",
        "192.0.2.1:80",
        "192.0.2.2",
        labels={"__meta_port": "9100", "__meta_scheme": "https", "__meta_path": "/x"},
        relabel_configs=[
            {
                "source_labels": ["__address__", "__meta_port"],
                "regex": r"([^:]+)(?::\d+)?;(\d+)",
                "replacement": "$1:$2",
                "target_label": "__address__",
            },
            rule("__meta_scheme", regex="(https?)", target_label="__scheme__"),
            rule("__meta_path", regex="(.+)", target_label="__metrics_path__"),
        ],
    ),
]
