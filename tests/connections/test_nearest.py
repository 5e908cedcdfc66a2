"""Which name was probably meant."""

from __future__ import annotations

import pytest

from langchain_azureml_oss.connections.nearest import nearest


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("gren", ["blue", "green"], "green"),
        ("GREEN", ["blue", "green"], "green"),
        ("my-lama", ["maas", "my-llama"], "my-llama"),
        ("endpoint_url", ["name", "url"], "url"),
        ("llama", ["a", "prod-llama-2-7b-chat-eastus2-0001"], "prod-llama-2-7b-chat-eastus2-0001"),
        ("blue", ["x", "green"], None),
        ("", ["x"], None),
        ("x", [], None),
        ("ep", ["a-step-of-many"], None),
    ],
)
def test_the_nearest_name(name, known, found):
    assert nearest(name, known) == found
