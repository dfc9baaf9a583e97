def pytest_terminal_summary(terminalreporter):
    """Says how much was compared with the oracle."""
    sums = {}
    for report in terminalreporter.stats.get("passed", []):
        for name, number in report.user_properties:
            if name.startswith("oracle "):
                sums[name] = sums.get(name, 0) + number
    for name, number in sums.items():
        terminalreporter.write_line(f"{name.removeprefix('oracle ')}: {number:,}")
