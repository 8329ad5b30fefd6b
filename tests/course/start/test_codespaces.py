"""What the lab lets in, in GitHub Codespaces."""

from redis_helpers.course.start.codespaces import settings_for_codespaces


def test_the_address_of_this_codespace_and_no_other():
    environment = {"CODESPACE_NAME": "shiny-banana-7", "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN": "app.github.dev"}
    assert settings_for_codespaces(environment, 8890) == [
        "--ServerApp.allow_origin=https://shiny-banana-7-8890.app.github.dev",
        "--ServerApp.local_hostnames=localhost",
        "--ServerApp.local_hostnames=shiny-banana-7-8890.app.github.dev",
    ]


def test_elsewhere_nothing_is_said_to_jupyterlab():
    assert settings_for_codespaces({}, 8888) == []
    assert settings_for_codespaces({"CODESPACE_NAME": "shiny-banana-7"}, 8888) == []
