"""Score script of a Falcon of 2023: an object for each prompt."""

import json

from generating import complete, refuse


def init():
    pass


def run(raw_data):
    data = json.loads(raw_data)
    refuse(data["inputs"])
    return [{"generated_text": complete(text, data["parameters"])} for text in data["inputs"]]
