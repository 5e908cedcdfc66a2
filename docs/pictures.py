"""Draws docs/pictures/ anew: the command, run in a terminal of its own on the local endpoint.

.venv/bin/python docs/pictures.py
"""

from __future__ import annotations

import os
import pty
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from langchain_azureml_oss.local import LocalEndpoint

FOLDER = Path(__file__).parent / "pictures"
WIDTH = 92
COMMAND = str(Path(sys.executable).with_name("azureml-oss"))
# A line that was written over, and movements of the cursor.
_MOVES = re.compile(r"\x1b\[[0-9;?]*[A-HJKSTfhlsu]")


def run(words: list[str], environment: dict[str, str]) -> str:
    """What a command writes into a terminal."""
    said = bytearray()

    def read(descriptor: int) -> bytes:
        data = os.read(descriptor, 4096)
        said.extend(data)
        return data

    before = dict(os.environ)
    os.environ.update(environment, COLUMNS=str(WIDTH), LINES="40", TERM="xterm-256color")
    try:
        failed = os.waitstatus_to_exitcode(pty.spawn([COMMAND, *words], read, lambda _: b""))
    finally:
        os.environ.clear()
        os.environ.update(before)
    if failed:  # or its traceback would be the picture
        raise SystemExit(f"azureml-oss {words[0]} ended with {failed}; nothing was drawn of it.")
    lines = said.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    kept = (_MOVES.sub("", line.rsplit("\r", 1)[-1]) for line in lines)
    # What turns while one waits was wiped away again; the port is another one each time.
    kept = (line for line in kept if not re.match(r"(\x1b\[[\d;]*m)*[\u2800-\u28ff]", line))
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:5001", "\n".join(kept))


def draw(name: str, typed: str, said: str) -> None:
    """Write one picture, with the line that was typed."""
    console = Console(record=True, width=WIDTH, file=Path(os.devnull).open("w"))  # noqa: SIM115
    console.print(Text(f"$ {typed}", style="bold"))
    console.print(Text.from_ansi(said.rstrip()))
    FOLDER.mkdir(exist_ok=True)
    drawn = console.export_svg(title="azureml-oss", unique_id=name)
    # A picture fetches nothing: the reader's own font for code does.
    drawn = re.sub(r"(?s)@font-face \{.*?\}\s*", "", drawn).replace("Fira Code", "monospace")
    (FOLDER / f"{name}.svg").write_text(drawn, encoding="utf-8")


def main() -> None:
    """Draw all of them."""
    question = "What is a neural network?"
    words = ["chat", "--local", question, "--max-tokens", "60", "--temperature", "0"]
    draw(
        "chat",
        f'azureml-oss chat --local "{question}" --max-tokens 60 --temperature 0',
        run(words, {}),
    )
    with LocalEndpoint("echo", deployments={"blue": 90, "green": 10}, seed=7) as endpoint:
        said = run(
            ["doctor"],
            {
                "AZUREML_ENDPOINT_URL": endpoint.scoring_url,
                "AZUREML_ENDPOINT_API_KEY": endpoint.api_key,
                "AZUREML_MODEL_FAMILY": "LLAMA",
            },
        )
        draw("doctor", "azureml-oss doctor", said.partition("Paste this:")[0])


if __name__ == "__main__":
    main()
