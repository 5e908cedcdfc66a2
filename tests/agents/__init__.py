"""Agents, tools and structured output on the local endpoint."""
