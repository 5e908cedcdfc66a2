"""A Ray cluster on this machine that comes up however busy the machine is."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time

# Read when Ray is imported. Its workers would give way to all other processes.
os.environ |= {
    "RAY_agent_register_timeout_ms": "300000",
    "RAY_raylet_start_wait_time_s": "300",
    "RAY_worker_niceness": "0",
}

import ray
import ray.data

_PORTS = (
    "port",
    "dashboard-agent-grpc-port",
    "dashboard-agent-listen-port",
    "metrics-export-port",
    "runtime-env-agent-port",
)
"""Each that is not given must be told by an agent within 15 seconds, or the node ends."""
_START_SECONDS = 300


@contextlib.contextmanager
def ray_cluster():
    """Start a cluster of two processors, and connect to it."""
    ports = free_ports()
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
    command += ["--num-cpus=2", "--include-dashboard=false", "--node-ip-address=127.0.0.1"]
    command += ["--disable-usage-stats", *(f"--{name}={port}" for name, port in ports.items())]
    head = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        connect(f"127.0.0.1:{ports['port']}", head)
        ray.data.DataContext.get_current().enable_progress_bars = False
        yield
    finally:
        ray.shutdown()
        head.terminate()
        head.wait()


def free_ports():
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in _PORTS]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return {n: one.getsockname()[1] for n, one in zip(_PORTS, sockets, strict=True)}


def connect(address, head):
    end = time.monotonic() + _START_SECONDS
    while True:
        assert head.poll() is None, "ray start ended"
        try:
            ray.init(address=address, log_to_driver=False, _node_ip_address="127.0.0.1")
        except ConnectionError:
            if time.monotonic() > end:
                raise
            time.sleep(1)
        else:
            return
