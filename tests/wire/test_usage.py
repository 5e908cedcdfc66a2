"""Token counts of the wire -> LangChain's."""

from __future__ import annotations

import pytest

from langchain_azureml_oss.wire.usage import usage_metadata


@pytest.mark.parametrize("usage", [None, {}], ids=repr)
def test_no_usage_is_none(usage):
    assert usage_metadata(usage) is None


def test_the_counts_get_langchains_names():
    counts = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    assert usage_metadata(counts) == {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}


def test_a_total_that_is_missing_is_the_sum():
    assert usage_metadata({"prompt_tokens": 3, "completion_tokens": 4})["total_tokens"] == 7


def test_null_counts_are_zero():
    counts = {"prompt_tokens": 3, "completion_tokens": None, "total_tokens": None}
    assert usage_metadata(counts) == {"input_tokens": 3, "output_tokens": 0, "total_tokens": 3}


def test_the_details_are_kept():
    counts = {
        "prompt_tokens": 3,
        "completion_tokens": 4,
        "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 1, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 1},
    }
    found = usage_metadata(counts)
    assert found["input_token_details"] == {"cache_read": 2, "cache_creation": 1, "audio": 0}
    assert found["output_token_details"] == {"reasoning": 0, "audio": 1}


def test_null_details_are_none():
    counts = {"prompt_tokens": 3, "prompt_tokens_details": None, "completion_tokens_details": None}
    assert usage_metadata(counts).keys() == {"input_tokens", "output_tokens", "total_tokens"}
