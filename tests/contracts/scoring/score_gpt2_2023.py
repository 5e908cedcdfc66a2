"""Score script of a GPT-2 of 2023: one object, one key for each prompt."""

import json

from generating import complete, refuse


def init():
    pass


def run(raw_data):
    data = json.loads(raw_data)
    prompts = data["inputs"]["input_string"]
    refuse(prompts)
    texts = [complete(prompt, data["parameters"]) for prompt in prompts]
    return [{str(number): text for number, text in enumerate(texts)}]
