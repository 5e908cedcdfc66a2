"""Bulk scoring elsewhere: on a Ray cluster, and in an Azure ML batch deployment."""
