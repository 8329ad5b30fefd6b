"""Jupyter's packages without the parsers of addresses that none of them asks for."""

import subprocess
import sys

from redis_helpers.course.start import quick_jupyter


def test_the_tests_import_jupyter_without_the_parsers():
    assert "jsonschema" in sys.modules
    assert "lark" not in sys.modules


def test_jupyterlab_is_started_without_the_parsers():
    command = [sys.executable, "-X", "importtime", "-P", quick_jupyter.__file__, "--version"]
    started = subprocess.run(command, check=True, capture_output=True, text=True)
    imported = {line.rpartition("|")[2].strip() for line in started.stderr.splitlines()}
    assert {"jupyterlab.labapp", "jsonschema"} <= imported
    assert not {"rfc3987_syntax", "lark"} & imported
