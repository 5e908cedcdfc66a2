"""The package's version, equal to the top entry of CHANGELOG.md."""

__version__ = "0.2.0"
