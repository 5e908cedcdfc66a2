"""Many calls at once against a faulty endpoint in another process; `make soak` runs it."""
