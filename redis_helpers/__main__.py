"""`python3 -m redis_helpers lab | test | doctor | redis | load-test`. Python 2 and every Python 3 can read this file.

From another folder: `python3 /where/the/course/is/redis_helpers lab`.
"""

import os
import sys

if sys.version_info < (3, 11):
    sys.exit(
        "This course needs Python 3.11 or newer, and %s is Python %d.%d: install one from python.org (or your system's "
        "packages) and start the command with it, for example python3.13 -m redis_helpers lab."
        % (sys.executable, sys.version_info[0], sys.version_info[1])
    )

# Python looks for modules in the folder of the start first. A learner's own random.py there would hide Python's random,
# so the course's folder goes from the first place to the last. The package itself is found before that.
COURSE_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if not sys.flags.safe_path:
    del sys.path[0]
sys.path.insert(0, COURSE_FOLDER)
import redis_helpers  # noqa: F401

del sys.path[0]
sys.path.append(COURSE_FOLDER)

from redis_helpers.course.start.command_line import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
