"""What tests have measured, at the end of the output, whichever process they ran in."""


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
