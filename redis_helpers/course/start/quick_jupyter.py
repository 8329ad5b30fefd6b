"""JupyterLab, two seconds sooner: `python quick_jupyter.py [ARGUMENT FOR JUPYTERLAB ...]`.

Jupyter's packages import `jsonschema`. It imports the package `rfc3987_syntax`, where that is there, to check addresses
in letters of every language (IRI). That package builds twenty parsers at its import, which takes longer than all else
that JupyterLab imports. No schema of Jupyter has such an address, and `jsonschema` works without the package.
"""

import sys


def leave_out_address_parsers() -> None:
    """From now on, `import rfc3987_syntax` fails in this process, as if the package were not installed."""
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


if __name__ == "__main__":
    leave_out_address_parsers()
    from jupyterlab.labapp import main

    sys.exit(main())
