"""How many examples property tests have, and what tests have measured."""

from hypothesis import settings

settings.register_profile("few", max_examples=15)
"""For the Pythons beside the one on which each property is tried at full length."""


def pytest_terminal_summary(terminalreporter):
    """Lists the property ``figure`` of the tests that have recorded one."""
    figures = [
        (report.nodeid.rpartition("::")[2], text)
        for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
        for name, text in report.user_properties
        if name == "figure" and report.when == "call"
    ]
    if figures:
        terminalreporter.section("figures")
        for test, text in figures:
            terminalreporter.line(f"{test.removeprefix('test_')}: {text}")
