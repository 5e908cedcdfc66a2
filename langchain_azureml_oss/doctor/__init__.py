"""The examination of an endpoint: what is wrong with a connection, and what is spoken there.

What decides does no I/O: `examination.py` is a generator that says what to try next, and
`trying.py` tries it. `setup.py` reads what there is to examine, `checklist.py` holds what came of
it. Imports any room but `local`, `batch` and `cli`, which shows the report. Internal.
"""

from langchain_azureml_oss.doctor.checklist import ESSENTIAL, TITLES, Line, Report
from langchain_azureml_oss.doctor.examination import examine
from langchain_azureml_oss.doctor.setup import gather
from langchain_azureml_oss.doctor.trying import carry_out

__all__ = ["ESSENTIAL", "TITLES", "Line", "Report", "carry_out", "examine", "gather"]
