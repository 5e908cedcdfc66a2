"""What callers get when endpoints, networks and machines misbehave; over real sockets."""
