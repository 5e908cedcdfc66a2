"""Flows of both generations of prompt flow's tool, as their folders have them."""

from pathlib import Path

FOLDERS = Path(__file__).with_name("folders")
FIRST = (FOLDERS / "open_source_llm" / "flow.dag.yaml").read_text()
LATER = (FOLDERS / "open_model_llm" / "flow.dag.yaml").read_text()
CHAT = (FOLDERS / "open_model_llm" / "chat.jinja2").read_text()
HISTORY = [{"inputs": {"question": "Hello"}, "outputs": {"answer": "Hello!"}}]
