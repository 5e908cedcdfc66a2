"""What both models share: their fields, and how a question over these becomes a call.

`fields.py` declares and checks, `call_options.py` is what one call may say about itself, `calls.py`
builds the call, `loading.py` makes the classes known to langchain-core. Imports every room below.
Internal, but for what the models inherit.
"""

from langchain_azureml_oss.endpoint.calls import Ask, EndpointCalls
from langchain_azureml_oss.endpoint.fields import EndpointFields, named_deployment
from langchain_azureml_oss.endpoint.loading import loadable, signed

__all__ = [
    "Ask",
    "EndpointCalls",
    "EndpointFields",
    "loadable",
    "named_deployment",
    "signed",
]
