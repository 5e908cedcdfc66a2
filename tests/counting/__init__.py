"""Work that Python does in C, counted without a clock."""
