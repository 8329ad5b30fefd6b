"""A real notebook kernel in which many cells run one after the other, as in JupyterLab."""

import contextlib
import queue
import time
from collections.abc import Iterator
from pathlib import Path

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

CELL_LIMIT = 60  # seconds in which a cell must say something, or the test fails
OUTPUTS = ("display_data", "execute_result", "stream", "error")


class Kernel:
    """Runs cells, and gives what a front end would show below each."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self._manager = manager
        self._client = client

    def run(self, source: str) -> list[dict]:
        """Runs one cell to its end. Returns its outputs as nbformat knows them: display_data, stream, error, …"""
        return self.outputs_of(self.begin(source))

    def begin(self, source: str) -> str:
        """Sends a cell, and returns at once."""
        return self._client.execute(source)

    def outputs_of(self, cell: str) -> list[dict]:
        """Waits until a cell that was sent has ended. Raises TimeoutError when it does not."""
        outputs = []
        while True:
            kind, content = self._next_message(cell)
            if kind == "status" and content["execution_state"] == "idle":
                return outputs
            if kind == "stream" and outputs and outputs[-1].get("name") == content["name"]:
                outputs[-1]["text"] += content["text"]  # what is printed may come in pieces
            elif kind in OUTPUTS:
                outputs.append({"output_type": kind, **content})

    def wait_for_output(self, cell: str) -> None:
        """Waits until a cell that was sent has shown something."""
        while self._next_message(cell)[0] not in OUTPUTS:
            pass

    def _next_message(self, cell: str) -> tuple[str, dict]:
        """What the kernel says next about a cell: the kind of message, and its content."""
        deadline = time.monotonic() + CELL_LIMIT
        while True:
            try:
                message = self._client.get_iopub_msg(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise TimeoutError("the cell does not end") from None
            if message["parent_header"].get("msg_id") == cell:
                return message["msg_type"], message["content"]

    def interrupt(self) -> None:
        """What the stop button does."""
        self._manager.interrupt_kernel()


@contextlib.contextmanager
def kernel_in(folder: Path) -> Iterator[Kernel]:
    """A kernel whose current folder is `folder`, with the environment of this process."""
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(folder))
    try:
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def shown_in(outputs: list[dict]) -> list[str]:
    """The texts that a cell displayed. Fails unless each stands as plain text and as HTML, and nothing else came."""
    for output in outputs:
        assert output["output_type"] == "display_data", output
        assert set(output["data"]) == {"text/plain", "text/html"}
    return [output["data"]["text/plain"] for output in outputs]
