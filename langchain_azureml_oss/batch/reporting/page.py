"""A report as one HTML page that needs nothing else: no script, no network, curves in SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from langchain_azureml_oss.batch.reporting.figures import PERCENTILES, Report, percentiles
from langchain_azureml_oss.errors import UnsupportedInputError

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 860, 180, 64, 24
_COLOURS = ("#0f62fe", "#8a3ffc", "#fa4d56", "#198038", "#b28600", "#007d79")
_STYLE = """
:root { color-scheme: light dark; --ink: #161616; --pale: #525252; --paper: #fff; --grid: #e0e0e0 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #f4f4f4; --pale: #c6c6c6; --paper: #161616; --grid: #474747 }
  path { filter: brightness(1.4) } .key span span { filter: brightness(1.4) } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 900px; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.05rem; margin: 2rem 0 .3rem }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); gap: .8rem }
dt { color: var(--pale); font-size: .85rem } dd { margin: 0; font-size: 1.2rem }
svg { width: 100%; height: auto } text { font: 12px system-ui, sans-serif; fill: var(--pale) }
line { stroke: var(--grid) }
.key { font-size: .85rem; color: var(--pale) } .key > span { margin-right: 1rem }
.note { color: var(--pale) }
"""


def write_page(report: Report, answers: Path, page: Path) -> None:
    """Write the page.

    Raises:
        UnsupportedInputError: that cannot be done.
    """
    try:
        page.write_text(page_of(report, answers.name), encoding="utf-8")
    except OSError as error:
        raise UnsupportedInputError(f"{page} cannot be written: {error.strerror}.") from None


def figures(report: Report) -> dict[str, str]:
    """Return what the numbers are called, and what they are."""
    found = {
        "rows": f"{report.rows:,}",
        "answered": f"{report.answered:,}",
        "failed": f"{report.errors.total():,}",
        "time": time_text(report.span),
        "answers a second": f"{report.rate:,.2f}",
        "tokens in": _tokens(report.input_tokens),
        "tokens out": _tokens(report.output_tokens),
        **{f"latency, {p} %": f"{report.latencies.get(p, 0):,.2f} s" for p in PERCENTILES},
        "cut answers": f"{report.cut:,}",
    }
    if report.open_ended:
        found["end not told"] = f"{report.open_ended:,}"
    if report.copied:
        found["copied"] = f"{report.copied:,}"
    return found


def page_of(report: Report, name: str) -> str:
    """Return the page; texts of the file are shown, and never markup."""
    listed = "".join(
        f"<div><dt>{escape(k)}</dt><dd>{v}</dd></div>" for k, v in figures(report).items()
    )
    width = report.width or 1.0
    by_time = [percentiles(part.seconds) for part in report.slices]
    latencies = {f"{p} %": [found.get(p, math.nan) for found in by_time] for p in PERCENTILES}
    kinds = [kind for kind, _ in report.errors.most_common(len(_COLOURS))]
    errors = {kind: [part.errors[kind] / width for part in report.slices] for kind in kinds}
    charts = [
        _chart("Answers a second", {"": [p.answered / width for p in report.slices]}, report),
        _chart("Latency, seconds", latencies, report),
        _chart("Tokens a second", {"": [p.tokens / width for p in report.slices]}, report),
        _chart("Errors a second, by kind", errors, report),
    ]
    began = f"{report.begin:%Y-%m-%d %H:%M:%S %Z}" if report.begin else "at a time not known"
    others = "".join(
        f"<li>{escape(kind)}: {count:,}</li>" for kind, count in report.errors.most_common()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta http-equiv="Content-Security-Policy"'
        " content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(name)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(name)}</h1><p class=note>The run began {escape(began)}.</p>"
        f"<dl>{listed}</dl>{''.join(charts)}<ul>{others}</ul></body></html>\n"
    )


def _chart(title: str, lines: Mapping[str, Sequence[float]], report: Report) -> str:
    values = [v for line in lines.values() for v in line if not math.isnan(v)]
    top = max(values, default=0.0)
    if not report.slices or not top:
        return f"<h2>{escape(title)}</h2><p class=note>None.</p>"
    top = _rounded_up(top)
    drawn = "".join(
        f'<path d="{_path(line, top)}" fill="none" stroke="{colour}" stroke-width="1.8"/>'
        for line, colour in zip(lines.values(), _COLOURS, strict=False)
    )
    key = "".join(
        f'<span><span style="color:{colour}">&#9632;</span> {escape(name)}</span>'
        for name, colour in zip(lines, _COLOURS, strict=False)
        if name
    )
    grid = "".join(
        f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{top * share:,.10g}</text>'
        for share in (0, 0.5, 1)
        for y in [_y(top * share, top)]
    )
    ends = (
        f'<text x="{_LEFT}" y="{_HEIGHT - 4}">0</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT - 4}" text-anchor="end">{time_text(report.span)}</text>'
    )
    return (
        f'<h2>{escape(title)}</h2><svg viewBox="0 0 {_WIDTH + 8} {_HEIGHT}" role="img"'
        f' aria-label="{escape(title)}">{grid}{drawn}{ends}</svg><p class=key>{key}</p>'
    )


def _path(line: Sequence[float], top: float) -> str:
    step = (_WIDTH - _LEFT) / max(1, len(line) - 1)
    points, pen = [], "M"
    for place, value in enumerate(line):
        if math.isnan(value):
            pen = "M"
            continue
        points.append(f"{pen}{_LEFT + place * step:.1f} {_y(value, top):.1f}")
        pen = "L"
    return " ".join(points)


def _y(value: float, top: float) -> float:
    return 8 + (_HEIGHT - _BOTTOM - 8) * (1 - value / top)


def _rounded_up(value: float) -> float:
    unit = 10.0 ** math.floor(math.log10(value))
    return float(next(unit * step for step in (1, 2, 5, 10) if unit * step >= value * 0.999))


def _tokens(count: int) -> str:
    """Return a number of tokens; no answer takes none, so 0 is what nobody counted."""
    return f"{count:,}" if count else "not told"


def time_text(seconds: float) -> str:
    """Return a time in seconds, minutes or hours."""
    if seconds < 120:
        return f"{seconds:,.1f} s"
    minutes = seconds / 60
    return f"{minutes:,.1f} min" if minutes < 120 else f"{minutes / 60:,.1f} h"
