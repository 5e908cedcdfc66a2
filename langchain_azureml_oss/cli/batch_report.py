"""`azureml-oss batch --report`: how a run went, printed, and plotted as a page."""

from __future__ import annotations

from pathlib import Path

from langchain_azureml_oss.cli.terminal import Terminal


def show_report(terminal: Terminal, answers: Path, page: Path | None) -> None:
    """Print the figures of a file of answers, and write the page where one is wanted.

    Raises:
        UnsupportedInputError: there are no such answers, or the page cannot be written.
    """
    from langchain_azureml_oss.batch.reporting.figures import report_of  # noqa: PLC0415 -- a second
    from langchain_azureml_oss.batch.reporting.page import figures, write_page  # noqa: PLC0415

    report = report_of(answers)
    if page is not None:
        write_page(report, answers, page)
    found = figures(report)
    if terminal.as_json:
        names = ("rows", "answered", "cut", "open_ended", "copied", "input_tokens", "output_tokens")
        numbers = {name: getattr(report, name) for name in names}
        times = {"seconds": report.span, "rate": report.rate}
        latencies = {f"p{p}": seconds for p, seconds in report.latencies.items()}
        terminal.result(numbers | times | {"latencies": latencies, "errors": dict(report.errors)})
        return
    for name, value in found.items():
        terminal.write(f"{name:<20}{value:>16}\n")
    for kind, count in report.errors.most_common():
        terminal.write(f"  {kind:<18}{count:>16,}\n")
    if page is not None:
        terminal.say(f"The page is {page}.")
