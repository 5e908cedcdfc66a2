"""One call, decided step by step, without I/O: send, read, wait, send again, give up.

`generator.py` decides, `commands.py` is what it tells a driver to do, `retry.py` knows when another
try may help and how long to wait. Imports `wire`, `errors`, `connections` and `answers`. Internal.
"""

from langchain_azureml_oss.exchange.commands import (
    Authorize,
    Call,
    Command,
    Emit,
    Receive,
    Retry,
    Send,
    Wait,
)
from langchain_azureml_oss.exchange.generator import exchange
from langchain_azureml_oss.exchange.retry import RetryPolicy, is_paced

__all__ = [
    "Authorize",
    "Call",
    "Command",
    "Emit",
    "Receive",
    "Retry",
    "RetryPolicy",
    "Send",
    "Wait",
    "exchange",
    "is_paced",
]
