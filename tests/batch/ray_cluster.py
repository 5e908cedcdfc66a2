"""A Ray cluster on this machine that comes up however busy the machine is."""

from __future__ import annotations

import contextlib
import os

# Read when Ray is imported. Its workers would give way to all other processes.
os.environ |= {"RAY_agent_register_timeout_ms": "300000", "RAY_worker_niceness": "0"}

import ray
import ray.data

_TRIES = 5
"""A node ends when one of its agents needs more than 15 seconds, which nothing can change."""


@contextlib.contextmanager
def ray_cluster():
    """Start a cluster of three processors, as many as Ray needs to go on by its checkpoints."""
    for left in reversed(range(_TRIES)):
        try:
            ray.init(
                num_cpus=3,
                object_store_memory=1 << 30,
                include_dashboard=False,
                log_to_driver=False,
                _node_ip_address="127.0.0.1",
            )
            break
        except Exception:
            ray.shutdown()
            if not left:
                raise
    ray.data.DataContext.get_current().enable_progress_bars = False
    try:
        yield
    finally:
        ray.shutdown()
