"""Ports for the kernels of notebooks that are run side by side."""

import random
import socket

from jupyter_client.connect import LocalPortCache

FIRST, LAST = 12_000, 32_000  # below those that systems hand out by themselves
CHOICE = random.SystemRandom()  # no seed of a test makes two processes choose alike


def choose_kernel_ports_at_random() -> None:
    """From now on, kernels that this process starts get ports that hardly anybody else takes meanwhile.

    Jupyter asks the system for a free port, and the kernel opens it only some tenths of a second later. When many
    kernels and servers start at once, another may have it by then, and the kernel dies.
    """
    LocalPortCache.find_available_port = _a_free_port  # type: ignore[method-assign, assignment]


def _a_free_port(cache: LocalPortCache, ip: str) -> int:
    while True:
        port = CHOICE.randrange(FIRST, LAST)
        if port in cache.currently_used_ports:
            continue
        with socket.socket() as probe:
            try:
                probe.bind((ip, port))
            except OSError:
                continue
        cache.currently_used_ports.add(port)
        return port
