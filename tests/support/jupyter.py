"""Asks a running JupyterLab, whose address with its token is `url`."""

import json
import urllib.request
from urllib.parse import urlsplit

import websocket  # comes with JupyterLab


def names_in_root_folder(url: str) -> set[str]:
    """The files and folders that its file browser shows first."""
    return {entry["name"] for entry in _ask(url, "/api/contents")["content"]}


def run_in_kernel(url: str, code: str, notebook: str = "notebooks/00_start_here.ipynb") -> str:
    """What a cell of that notebook prints, in a new kernel."""
    session = {"path": notebook, "name": "", "type": "notebook", "kernel": {"name": "python3"}}
    kernel = _ask(url, "/api/sessions", session)["kernel"]["id"]
    parts = urlsplit(url)
    channel = websocket.create_connection(
        f"ws://{parts.netloc}/api/kernels/{kernel}/channels?{parts.query}", timeout=60
    )
    header = {"msg_id": "1", "msg_type": "execute_request", "username": "", "session": "1", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    request = {"header": header, "parent_header": {}, "metadata": {}, "channel": "shell", "content": content}
    channel.send(json.dumps(request))
    printed = ""
    while True:
        message = json.loads(channel.recv())
        if message["parent_header"].get("msg_id") != "1":
            continue
        if message["msg_type"] == "stream":
            printed += message["content"]["text"]
        if message["msg_type"] == "error":
            printed += "\n".join(message["content"]["traceback"])
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            channel.close()
            return printed


def _ask(url: str, path: str, data: dict | None = None) -> dict:
    parts = urlsplit(url)
    body = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(f"http://{parts.netloc}{path}?{parts.query}", data=body)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)
