"""What the bytes look like: a contract is a file, and a line in `registry.py`.

`base.py` says what a contract has to give, `parameters.py` brings settings into its words;
`embeddings.py` is what contracts have for embedding models. Imports `wire`, `errors`, `families`.
Public: `ContentFormatter`, `ModelCall`, `Traits`, `Choice`, `Reply`, `contract_names`, `formatter`
and `register_formatter`.
"""

from langchain_azureml_oss.formatters.base import Api, ContentFormatter, ModelCall, Traits
from langchain_azureml_oss.formatters.embeddings import (
    Vector,
    check_contract,
    check_lengths,
    embeddings_request,
    read_vectors,
)
from langchain_azureml_oss.formatters.parameters import AsTheyAre, Setting, check, merge, spell
from langchain_azureml_oss.formatters.registry import (
    contract_for,
    contract_names,
    formatter,
    register_formatter,
)
from langchain_azureml_oss.wire import Choice, Reply

__all__ = [
    "Api",
    "AsTheyAre",
    "Choice",
    "ContentFormatter",
    "ModelCall",
    "Reply",
    "Setting",
    "Traits",
    "Vector",
    "check",
    "check_contract",
    "check_lengths",
    "contract_for",
    "contract_names",
    "embeddings_request",
    "formatter",
    "merge",
    "read_vectors",
    "register_formatter",
    "spell",
]
