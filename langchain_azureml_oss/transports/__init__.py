"""Drivers that carry an exchange out: the only places with I/O."""
