"""LangChain's standard suites on the local endpoint."""
