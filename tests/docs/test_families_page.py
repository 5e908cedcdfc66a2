"""The families table of the documents is the table of the code."""

from __future__ import annotations

import documents

from langchain_azureml_oss.families import ModelFamily

_YES = {True: "yes", False: "no"}


def drawn():
    """The table of docs/background/families.md."""
    rows = [
        (
            "| Family | Also called | Takes conversations | System text | Neighbours merged |"
            " Tool results | Calls written as | Reasoning | Window |"
        ),
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for family in ModelFamily:
        row = family.row
        cells = [
            f"`{family.value}`",
            ", ".join(f"`{name}`" for name in row.aliases),
            _YES[row.chat],
            {"allowed": "sent", "folded": "in the first user turn", "dropped": "left out"}[
                row.system
            ],
            _YES[row.alternates],
            "a turn of their own" if row.tool_role else "a user turn",
            f"`{row.tool_dialect}`",
            _YES[row.reasoning is not None],
            f"{row.context_window:,}" if row.context_window else "",
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def test_the_page_has_the_table():
    text = (documents.ROOT / "docs/background/families.md").read_text()
    assert drawn() in text, f"put this into docs/background/families.md:\n\n{drawn()}"
