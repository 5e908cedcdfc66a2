"""`azureml-oss doctor`: what is wrong with a connection, and what the endpoint speaks.

As everywhere in the package, what decides does no I/O: `examination.py` is a generator that says
what to try next, and `trying.py` tries it.
"""
