"""Whether the site can be built and looked at here."""

import importlib.util

from tools.site.browser import chromium

PACKAGES = ("sphinx", "myst_nb", "furo", "playwright", "axe_playwright_python")
NOT_RUN = (
    "no Chromium here, or not the packages of the site: its tests did not run "
    "(install chromium, and `pip install -r tools/site/requirements.txt`)"
)


def site_to_be_had() -> bool:
    return chromium() is not None and all(importlib.util.find_spec(name) for name in PACKAGES)
