"""GitHub Codespaces: a browser reaches the lab's port under a name of its own, which JupyterLab would refuse."""

from collections.abc import Mapping


def settings_for_codespaces(environment: Mapping[str, str], port: int) -> list[str]:
    """JupyterLab's arguments that let in the browser of this codespace's owner; an empty list elsewhere.

    They name the one address of this codespace, and no other. Who comes from there still needs the token.
    """
    codespace = environment.get("CODESPACE_NAME")
    domain = environment.get("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN")
    if not codespace or not domain:
        return []
    host = f"{codespace}-{port}.{domain}"
    return [
        f"--ServerApp.allow_origin=https://{host}",
        "--ServerApp.local_hostnames=localhost",
        f"--ServerApp.local_hostnames={host}",
    ]
