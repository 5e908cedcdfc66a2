"""What a model learns from llama.cpp's own `/v1/models` and `/tokenize`."""

from __future__ import annotations

import pytest

from integration.endpoints import endpoint
from langchain_azureml_oss import AzureMLOSSChatModel

pytestmark = pytest.mark.model


def test_a_real_server_tells_its_window_and_counts_tokens():
    connection = endpoint("smollm2").connection("OPENAI", "/v1/chat/completions")
    with AzureMLOSSChatModel(connection=connection, max_retries=0) as chat:
        found = chat.discover()
        assert found.profile["max_input_tokens"] == 4096  # the n_ctx of this endpoint
        assert found.token_counting == "server"
        # Not the estimate of one token for each four letters: eight words are eight tokens or more.
        assert 8 <= found.get_num_tokens("a b c d e f g h") <= 16
        assert chat.get_num_tokens("a b c d e f g h") == 4
