"""Files of targets are read again when they change, and what cannot be read changes nothing."""

import json
import logging
import os
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes_following import addresses, until, until_known
from projected_volume import ProjectedVolume

from otel_kubecost.config.problems import build_options
from otel_kubecost.errors import ConfigError
from otel_kubecost.receivers.prometheus.discovery.file_content import UnreadableError, groups_in
from otel_kubecost.receivers.prometheus.discovery.files import FileDiscovery
from otel_kubecost.receivers.prometheus.discovery.options import FileSDConfig


@contextmanager
def looking(*patterns, refresh_interval="1h", look_interval=0.01):
    """A discovery that looks often."""
    files = [str(pattern) for pattern in patterns]
    config = build_options(FileSDConfig, {"files": files, "refresh_interval": refresh_interval})
    discovery = FileDiscovery(config, look_interval=look_interval)
    discovery.start()
    try:
        yield discovery
    finally:
        discovery.shutdown()


def group(*targets, **labels):
    return json.dumps([{"targets": targets, "labels": labels}])


def exchange(path, text):
    """As programs write files that others read."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


def test_files_are_known_before_anybody_asks(tmp_path):
    """All that a pattern names, in the order of their names."""
    (tmp_path / "b.json").write_text(group("b:1"))
    (tmp_path / "a.yml").write_text("- targets: ['a:1']\n")
    with looking(tmp_path / "*.json", tmp_path / "a.yml") as discovery:
        assert [one.source for one in discovery.groups()] == [
            f"{tmp_path}/b.json:0",
            f"{tmp_path}/a.yml:0",
        ]
        assert discovery.groups()[0].labels == {"__meta_filepath": f"{tmp_path}/b.json"}


def test_what_is_exchanged_is_read_and_the_rest_is_left_alone(tmp_path):
    """Files of the same length and time as well; groups without a change stay the same objects."""
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    one.write_text(group("a:1"))
    other.write_text(group("x:1"))
    with looking(tmp_path / "*.json") as discovery:
        before = discovery.groups()
        exchange(one, group("b:1"))
        until_known(discovery, "b:1", "x:1")
        assert discovery.groups()[1] is before[1]
        assert discovery.groups() is discovery.groups()


def test_a_volume_of_kubernetes_is_followed(tmp_path):
    """There the file is a link to a link that is exchanged."""
    volume = ProjectedVolume(tmp_path / "v", {"t.yaml": "- targets: ['a:1']\n"})
    with looking(tmp_path / "v" / "*.yaml") as discovery:
        until_known(discovery, "a:1")
        volume.write({"t.yaml": "- targets: ['b:1']\n", "u.yaml": "- targets: ['c:1']\n"})
        until_known(discovery, "b:1", "c:1")


def test_files_that_come_and_go_take_their_targets_along(tmp_path):
    """Also those of a file that could not be read when it went."""
    path = tmp_path / "t.json"
    with looking(path) as discovery:
        assert discovery.groups() == ()
        assert discovery.failure is None
        exchange(path, group("a:1"))
        until_known(discovery, "a:1")
        exchange(path, "[")
        until(lambda: discovery.failure)
        path.unlink()
        until_known(discovery)
        until(lambda: discovery.failure is None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[", "is not JSON in line 1; was it written to its end?"),
        ("", "is not JSON in line 1"),
        ("{}", "is no list; write `- targets: [host:port]`"),
        ('[{"targets": [1]}]', "1 is no text; write it in quotes"),
        ('[{"target": []}]', "[0].target: unknown key; did you mean `targets`?"),
        ('[{"labels": {"a-b": ""}}]', "'a-b' is not a label name"),
        ("[" * 100_000, "is not JSON"),
        ("[" * 5000 + "]" * 5000, "is not JSON"),
        ("[" * 300 + "]" * 300, "must be a block of `key: value` lines"),
    ],
)
def test_a_file_that_is_broken_keeps_its_targets(tmp_path, caplog, text, reason):
    """It is said once what is wrong, as often as it is read; and when it is mended."""
    caplog.set_level(logging.INFO, "otel_kubecost")
    path = tmp_path / "t.json"
    path.write_text(group("a:1"))
    with looking(path, refresh_interval="20ms") as discovery:
        exchange(path, text)
        until(lambda: discovery.failure)
        assert str(path) in discovery.failure
        assert reason in discovery.failure
        time.sleep(0.1)  # it is read again some times
        assert addresses(discovery) == ["a:1"]
        exchange(path, group("b:1"))
        until_known(discovery, "b:1")
        until(lambda: discovery.failure is None)
    said = [one.getMessage() for one in caplog.records]
    assert len([one for one in said if reason in one]) == 1
    assert said[-1] == f"The targets in {path} are read again"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.json", '[{"targets": ["a:1"], "labels": null}, {"targets": null}]'),
        ("t.json", '[{"targets": ["a:1"], "labels": {"a": null}}]'),
        ("t.yaml", "- targets: ['a:1']\n  labels:\n- targets:\n"),
    ],
)
def test_what_is_null_is_not_there(name, text):
    """Programs in Go write empty lists and labels so."""
    groups = groups_in(name, text.encode())
    assert [one for found in groups for one in found.targets] == [{"__address__": "a:1"}]
    assert groups[0].labels == {"__meta_filepath": name}


@pytest.mark.parametrize(("name", "text"), [("t.json", "null"), ("t.yml", ""), ("t.yml", "~")])
def test_a_file_may_have_nothing(name, text):
    """That is a list without targets."""
    assert groups_in(name, text.encode()) == ()


def test_a_file_that_is_no_file_breaks_no_others(tmp_path):
    """Whatever a pattern finds."""
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "bytes.json").write_bytes(b'["\xff"]')
    (tmp_path / "nowhere.json").symlink_to("gone")
    (tmp_path / "t.json").write_text(group("a:1"))
    with looking(tmp_path / "*.json") as discovery:
        assert addresses(discovery) == ["a:1"]
        assert discovery.failure


def test_a_file_is_read_again_though_nothing_seems_to_have_changed(tmp_path):
    """After refresh_interval: time and size may be those of before."""
    path = tmp_path / "t.json"
    path.write_text(group("a:1"))
    times = path.stat()
    with looking(path, refresh_interval="50ms", look_interval=1.0) as discovery:
        until_known(discovery, "a:1")
        path.write_text(group("b:1"))
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        until_known(discovery, "b:1")


def test_the_end_is_the_end(tmp_path):
    """No thread is left; ending what was not begun, and twice, is nothing."""
    (tmp_path / "t.json").write_text(group("a:1"))
    with looking(tmp_path / "t.json") as discovery:
        discovery.start()
    discovery.shutdown()
    assert [one for one in threading.enumerate() if "file-sd" in one.name] == []
    FileDiscovery(build_options(FileSDConfig, {"files": ["/t.json"]})).shutdown()


@pytest.mark.parametrize("pattern", ["t", "t.txt", "*/t.json", "**.json/t.json", ""])
def test_patterns_are_those_of_prometheus(pattern):
    """Names of files with a known ending, and asterisks in the last part alone."""
    with pytest.raises(ConfigError, match=r"end it with .json, .yml or .yaml"):
        build_options(FileSDConfig, {"files": [pattern]})


@given(st.binary(max_size=60) | st.text(alphabet='[]{}:,"- \n&*#|>x', max_size=40))
def test_nothing_in_a_file_is_a_defect_of_ours(content):
    """It is a list of targets, or it is said why not."""
    text = content if isinstance(content, bytes) else content.encode()
    for name in ("t.json", "t.yaml"):
        with suppress(UnreadableError):
            assert isinstance(groups_in(name, text), tuple)
