"""Score script of a Dolly of 2023: a list of texts; parameters stand beside `input_data`."""

import json

from generating import complete, refuse


def init():
    pass


def run(raw_data):
    data = json.loads(raw_data)
    prompts = data["input_data"]["input_string"]
    refuse(prompts)
    return [complete(prompt, data["parameters"]) for prompt in prompts]
