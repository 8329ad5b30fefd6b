"""Runs lessons, each once and on a private Redis of its own, and keeps the executed copies.

`notebooks/` stays as it is. A copy that was kept is used again, when that is wanted, as long as the notebook, the
package and these modules are the same: a hash of their content stands beside the copy.
"""

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.exercises import progress_file
from redis_helpers.course.start.environment import ROOT
from redis_helpers.errors import CourseError
from redis_helpers.settings import OUR_VARIABLES
from tools.kernel_ports import choose_kernel_ports_at_random

AT_ONCE = 2
CELL_LIMIT = 120  # seconds
PREPARE = "from tools.site.plot_text import describe_plots_as_text\ndescribe_plots_as_text()"


def execute(notebooks: Iterable[Path], kept: Path, reuse: bool) -> list[Path]:
    """Runs each notebook, two at a time, and returns the executed copies in the folder `kept`.

    With `reuse`, a copy that is kept there already is taken when nothing that it comes from has changed.

    Raises CourseError, which names the lesson, when one of them fails.
    """
    choose_kernel_ports_at_random()
    kept.mkdir(parents=True, exist_ok=True)
    here = Path(__file__)
    package = hash_of([*(ROOT / "redis_helpers").rglob("*.py"), here, here.with_name("plot_text.py")])

    def one(notebook: Path) -> Path:
        return _execute_or_reuse(notebook, kept / notebook.name, package, reuse)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, notebooks))


def hash_of(files: Iterable[Path]) -> str:
    """A hash of the content of these files, and of their names."""
    content = hashlib.sha256()
    for path in sorted(files):
        content.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return content.hexdigest()


def _execute_or_reuse(notebook: Path, copy: Path, package: str, reuse: bool) -> Path:
    note = copy.with_suffix(".hash.json")
    made_from = {"notebook": hash_of([notebook]), "package": package}
    if reuse and copy.exists() and note.exists() and json.loads(note.read_text(encoding="utf-8")) == made_from:
        return copy
    print(f"Running {notebook.name} …", flush=True)
    note.unlink(missing_ok=True)
    nbformat.write(run(notebook), copy)
    note.write_text(json.dumps(made_from), encoding="utf-8")
    return copy


def run(path: Path) -> nbformat.NotebookNode:
    """The notebook with the outputs of a run from a fresh kernel, on a new and private Redis."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(PREPARE, id="describe-plots"))
    client = NotebookClient(notebook, timeout=CELL_LIMIT, resources={"metadata": {"path": str(path.parent)}})
    with EmbeddedRedis() as server, tempfile.TemporaryDirectory() as folder:
        environment = {name: value for name, value in os.environ.items() if not OUR_VARIABLES.match(name)}
        environment["REDIS_URL"] = server.url
        environment[progress_file.VARIABLE] = str(Path(folder) / "progress.json")  # that of somebody who begins
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [environment.get("PYTHONPATH")])])
        try:
            client.execute(env=environment, stderr=subprocess.DEVNULL)  # the kernel's own log
        except CellExecutionError as error:
            reason = f"{error.ename}: {error.evalue}"
            raise CourseError(f"{path.name} failed ({reason}): mend it, and start again.") from None
    notebook.cells.pop(0)
    return notebook
