"""The only places with I/O: two drivers, `sync.py` and `aio.py`, that decide nothing.

`settings.py` is what they are told alike: pool, TLS, proxies; `steps.py` their loop over an
exchange, `failures.py` the words of what they could not do. `sync_session.py`,
`sync_connection.py`, `sync_answer.py` and `bounds.py` are the sync one's parts, `places.py` the
async one's. Imports `wire`, `errors` and `exchange`. Internal.
"""

from langchain_azureml_oss.transports.aio import AsyncTransport
from langchain_azureml_oss.transports.settings import HttpSettings, tls_context
from langchain_azureml_oss.transports.sync import SyncTransport

__all__ = ["AsyncTransport", "HttpSettings", "SyncTransport", "tls_context"]

PRIVATE_NAMES = ("urllib3.connection.HTTPSConnection._connect_tls_proxy",)
"""All that is used of other packages' private names: a test fails when one of them is gone."""
