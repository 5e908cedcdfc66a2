"""When one more request may start: the pace, the limits, and the gate that keeps to both."""
