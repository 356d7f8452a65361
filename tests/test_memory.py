"""How much memory there is, by files as the kernel writes them."""

import os

import pytest

from otel_kubecost.memory import available_bytes, resident_bytes

TOTAL = 16_000_000 * 1024
UNLIMITED_V1 = 9_223_372_036_854_771_712
"""What version 1 says where there is no limit: the largest number of whole pages."""


@pytest.fixture
def machine(tmp_path):
    """A machine with a cgroup for the process, as ``/proc/self/cgroup`` has it, and limits."""

    def make(membership, limits):
        files = {
            "proc/meminfo": f"MemTotal:       {TOTAL // 1024} kB\nMemFree:        123 kB\n",
            "proc/self/cgroup": membership,
            "proc/self/statm": "9000 700 300 1 0 2000 0\n",
        } | {f"cgroup/{name}": f"{limit}\n" for name, limit in limits.items()}
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path / "proc", tmp_path / "cgroup"

    return make


@pytest.mark.parametrize(
    ("membership", "limits", "available"),
    [
        ("0::/\n", {}, TOTAL),
        ("0::/\n", {"memory.max": "max"}, TOTAL),
        ("0::/\n", {"memory.max": 2**29}, 2**29),
        ("0::/\n", {"memory.max": 2**60}, TOTAL),
        ("0::/a.slice/b.service\n", {"a.slice/b.service/memory.max": 2**28}, 2**28),
        (
            "0::/a.slice/b.service\n",
            {"a.slice/memory.max": 2**27, "a.slice/b.service/memory.max": 2**28},
            2**27,
        ),
        ("0::/../b.service\n", {"memory.max": 2**28}, 2**28),
        ("4:memory:/\n0::/\n", {"memory/memory.limit_in_bytes": UNLIMITED_V1}, TOTAL),
        ("9:cpu,cpuacct:/x\n4:memory:/x\n", {"memory/x/memory.limit_in_bytes": 2**26}, 2**26),
        ("4:memory:/docker/4f2a\n", {"memory/memory.limit_in_bytes": 2**25}, 2**25),
        ("1:name=systemd:/x:y\n0::/x:y\n", {"x:y/memory.max": 2**24}, 2**24),
    ],
)
def test_available_is_what_the_narrowest_limit_leaves(machine, membership, limits, available):
    """Of the machine, of the process' cgroup and of those around it, in either version; a container
    has its own at the root, and may show a path that only its host knows."""
    assert available_bytes(*machine(membership, limits)) == available


def test_a_system_without_cgroups_has_the_memory_of_the_machine(machine):
    """A kernel may be without them, and a sandbox may hide them."""
    proc, cgroups = machine("", {})
    (proc / "self/cgroup").unlink()
    assert available_bytes(proc, cgroups) == TOTAL


def test_resident_is_what_the_kernel_counts(machine):
    """The second number of statm, in pages."""
    assert resident_bytes(machine("0::/\n", {})[0]) == 700 * os.sysconf("SC_PAGE_SIZE")


def test_this_machine_tells():
    """The process has less than it may have."""
    assert 2**20 < resident_bytes() < available_bytes()


@pytest.mark.parametrize("ask", [resident_bytes, available_bytes])
def test_a_system_that_does_not_tell_is_an_error(ask, tmp_path):
    """Other systems have no such files."""
    with pytest.raises(OSError, match="No such file"):
        ask(tmp_path)
