"""Score script in today's shapes: conversations and prompts, parameters inside `input_data`."""

import json

from generating import chat, complete, refuse


def init():
    pass


def run(raw_data):
    data = json.loads(raw_data)["input_data"]
    asked, parameters = data["input_string"], data["parameters"]
    refuse(asked)
    if isinstance(asked[0], dict):
        return {"output": chat(asked, parameters)}
    return [{str(n): complete(prompt, parameters) for n, prompt in enumerate(asked)}]
