"""Pages that say another thing in each phase."""

from __future__ import annotations

LAST_PHASE = 3


def marker(phase):
    return f"# HELP page_phase Where the pages are.\n# TYPE page_phase gauge\npage_phase {phase}\n"


def labels(phase):
    """Labels that targets have as well, and names of them that are taken."""
    return f"""{marker(phase)}\
# TYPE requests counter
requests{{code="200"}} {phase}
requests{{code="200",job="mine"}} {phase + 10}
requests{{code="200",job="mine",instance="here"}} {phase + 20}
requests{{code="200",job="",instance=""}} {phase + 30}
requests{{code="200",job="mine",exported_job="theirs"}} {phase + 40}
requests{{code="200",job="mine",exported_job="theirs",exported_exported_job="x"}} {phase + 50}
requests{{code="200",region="moon"}} {phase + 60}
requests{{code="200",cluster="theirs",replica="b"}} {phase + 70}
"""


def types(phase):
    """Every type of 0.0.4, histograms and summaries; the descriptions change in phase 2."""
    version = "later" if phase >= 2 else "first"
    counts = [f'latency_seconds_bucket{{le="{le}"}} {phase + n}' for n, le in enumerate(_BOUNDS)]
    return f"""{marker(phase)}\
# HELP visits_total Visits, {version}.
# TYPE visits_total counter
visits_total {10 * phase}
# HELP hits Counted without the suffix.
# TYPE hits counter
hits {7 * phase}
# HELP anything Not described by a type.
anything {phase / 3}
# TYPE latency_seconds histogram
# HELP latency_seconds Time to the answer, {version}.
{chr(10).join(counts)}
latency_seconds_sum {phase * 0.1}
latency_seconds_count {phase + len(_BOUNDS) - 1}
# TYPE pause_seconds summary
pause_seconds{{quantile="0.5"}} {"NaN" if phase == 0 else 0.25}
pause_seconds{{quantile="0.99"}} {phase}
pause_seconds_sum {phase * 1.5}
pause_seconds_count {phase}
# TYPE depth {"untyped" if phase == 1 else "gauge"}
depth -{phase}
"""


_BOUNDS = ("0.1", "1", "+Inf")


def openmetrics(phase):
    """Families of every type, with exemplars; of the counter since when it counts."""
    return f"""\
# TYPE page_phase gauge
page_phase {phase}
# TYPE visits counter
# HELP visits Visits.
visits_total{{path="/a"}} {phase} # {{trace_id="t{phase}"}} {phase + 0.5}
visits_created{{path="/a"}} 1790000000.25
visits_total{{path="/b"}} {2 * phase}.0
# TYPE hits counter
hits {phase}
# TYPE latency_seconds histogram
# UNIT latency_seconds seconds
# HELP latency_seconds Time to the answer.
latency_seconds_bucket{{le="0.1"}} {phase} # {{trace_id="u{phase}",span_id="s"}} 0.05
latency_seconds_bucket{{le="1.0"}} {phase + 1}
latency_seconds_bucket{{le="+Inf"}} {phase + 2}
latency_seconds_count {phase + 2}
latency_seconds_sum {phase * 0.5}
latency_seconds_created 1790000000.25
# TYPE sizes_bytes gaugehistogram
# UNIT sizes_bytes bytes
sizes_bytes_bucket{{le="1.0"}} {3 - phase}
sizes_bytes_bucket{{le="+Inf"}} {4 - phase}
sizes_bytes_gcount {4 - phase}
sizes_bytes_gsum {phase}
# TYPE pause_seconds summary
pause_seconds{{quantile="0.5"}} {phase}
pause_seconds_count {phase}
pause_seconds_sum {phase}
pause_seconds_created 1790000000.25
# TYPE build info
build_info{{version="1.{phase}"}} 1
# TYPE door stateset
door{{door="open"}} {phase % 2}
door{{door="shut"}} {1 - phase % 2}
# TYPE anything unknown
# HELP anything Said \\"so\\" with a \\\\ and a\\nbreak.
anything {phase}
# EOF
"""


def moving(phase, now):
    """Series that go and come back, some of them with times in some phases only."""
    lines = [marker(phase), f'steady{{a="1"}} {phase}\n']
    if phase != 1:
        lines.append('comes_and_goes{a="1"} 1\n')
    if phase in (0, 3):
        lines.append('comes_back{a="1"} 1\n')
    if phase < 2:
        lines.append(f"timed_going {phase} {now}\n")
    if phase == 2:
        lines.append("born_late 5\n")
    lines.append(f"mixed_times {phase}{f' {now}' if phase == 1 else ''}\n")
    return "".join(lines)


def flaky(phase):
    """None where the target fails; a page with a mistake at its end is a failure as well."""
    if phase == 1:
        return None
    mistake = "fails {\n" if phase == 2 else ""
    return f'{marker(phase)}works{{a="1"}} {phase}\nworks{{a="2"}} 2\n{mistake}'


def growing(phase):
    """More samples in phase 1 than ``sample_limit`` allows."""
    samples = 10 if phase == 1 else 3
    return marker(phase) + "".join(f'grows{{n="{n}"}} {phase}\n' for n in range(samples))
