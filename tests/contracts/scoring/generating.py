"""What all the scoring scripts share: the model behind them, as a function from prompt to text."""

from __future__ import annotations

import json
import os
import urllib.request


def complete(prompt, parameters):
    """The prompt and its continuation, as transformers' pipeline gives them."""
    body = {"prompt": prompt, "max_tokens": parameters.get("max_new_tokens", 16)}
    body |= {name: parameters[name] for name in ("temperature", "seed") if name in parameters}
    answer = _post("/v1/completions", body)["choices"][0]["text"]
    return answer if parameters.get("return_full_text") is False else prompt + answer


def chat(messages, parameters):
    """The answer to a conversation."""
    body = {"messages": messages, "max_tokens": parameters.get("max_new_tokens", 16)}
    return _post("/v1/chat/completions", body)["choices"][0]["message"]["content"]


def _post(path, body):
    request = urllib.request.Request(
        os.environ["MODEL_URL"] + path,
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {os.environ['MODEL_KEY']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def refuse(prompt):
    """Raises where a test wants run() to raise."""
    if "raise!" in str(prompt):
        raise ValueError("private words of the scoring script")
