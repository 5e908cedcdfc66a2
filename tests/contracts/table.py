"""The table of docs/contracts.md, made from the golden files. Run it to write the table anew."""

from __future__ import annotations

import sys

from exchanges import CONTRACTS, FAMILIES, HERE, Cell, cells

DOCUMENT = HERE.parents[1] / "docs" / "contracts.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
_INTRO = """\
Made from the golden files in `tests/contracts/golden/` by `tests/contracts/table.py`; a test fails
where it differs. Behind each cell stands a test of `tests/contracts/test_families_table.py`, which
asks sync and async, streamed or not, and compares all of the request.

*turns*: the conversation's turns are sent as they are. *folded*: the system message goes into the
first user turn, and neighbours of one role are merged. *template*: the conversation becomes one
prompt in the family's template. *text*: the prompt is sent as it is."""


def _word(kind: str) -> str:
    return "template" if kind == "prompt" else kind


def row(cell_row: list[Cell]) -> str:
    """One line: what becomes of the question for each family."""
    first = cell_row[0]
    streams = (
        "yes" if CONTRACTS[f"{first.contract}.{first.api}"]["form"].get("event") else "one chunk"
    )
    kinds = [_word(cell.kind) for cell in cell_row]
    return (
        f"| {' | '.join([f'`{first.contract}`', first.api, f'`{first.path}`', streams, *kinds])} |"
    )


def table() -> str:
    """The whole table, its introduction included."""
    heads = ["Contract", "API", "Path", "Streams", *FAMILIES]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    rows: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells():
        rows.setdefault((cell.contract, cell.api, cell.path), []).append(cell)
    return "\n".join([_INTRO, "", *lines, *map(row, rows.values())])


def _parts(text: str) -> tuple[str, str, str]:
    """What stands before, between and behind the markers of a document."""
    before, begin, rest = text.partition(f"{BEGIN}\n\n")
    inner, end, after = rest.partition(f"\n\n{END}")
    if not begin or not end:
        raise ValueError(f"There is no {BEGIN} … {END} in the document.")
    return before + begin, inner, end + after


def in_document(text: str) -> str:
    """What stands between the markers of a document."""
    return _parts(text)[1]


def written(text: str) -> str:
    """The document with the table of today."""
    before, _, after = _parts(text)
    return before + table() + after


if __name__ == "__main__":
    before = DOCUMENT.read_text(encoding="utf-8")
    after = written(before)
    DOCUMENT.write_text(after, encoding="utf-8")
    sys.stdout.write("unchanged\n" if before == after else "written\n")
