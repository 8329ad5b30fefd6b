"""`python3 -m redis_helpers lab | test | doctor | redis`. Python 2 and every Python 3 can read this file."""

import sys

if sys.version_info < (3, 11):
    sys.exit(
        "This course needs Python 3.11 or newer, and %s is Python %d.%d: install one from python.org (or your system's "
        "packages) and start the command with it, for example python3.13 -m redis_helpers lab."
        % (sys.executable, sys.version_info[0], sys.version_info[1])
    )

from redis_helpers.course.start.command_line import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
