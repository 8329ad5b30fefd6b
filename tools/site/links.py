"""Leads the links that GitHub understands to pages of the site.

Texts of the repository link to each other by file: `../notebooks/12_rate_limits.ipynb`, `configuration.md`. On the site
such a link leads to the page that is made from the file. A link to another file of the repository leads to GitHub, when
the repository's address is known; otherwise its text stays, and the link is left out.
"""

import posixpath
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

from redis_helpers.course.start.environment import ROOT

ADDRESS = "COURSE_REPOSITORY"  # an environment variable: https://github.com/owner/name
LINK = re.compile(r"(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\[\]]*\])*)\]\((?P<target>[^()\s]+)\)")
FENCED = re.compile(r"(?ms)^(```.*?^```[ ]*$)")
HEADING = re.compile(r"(?m)^#{1,6} +(.+?)\s*$")


@dataclass
class Site:
    """Which files of the repository are pages or pictures of the site, and where."""

    places: dict[str, str]  # "notebooks/12_rate_limits.ipynb": "lessons/12_rate_limits.ipynb"
    headings: dict[str, dict[str, str]] = field(default_factory=dict)  # place: every anchor of it, as the site names it
    repository: str | None = None  # https://github.com/owner/name


def anchors_of(text: str) -> dict[str, str]:
    """The anchors of a Markdown text, as Jupyter and as GitHub name them, and what each is called on the site."""
    found = {}
    for heading in HEADING.findall(FENCED.sub("", text)):
        anchor = slug(heading)
        found[anchor] = anchor
        found[heading.replace(" ", "-")] = anchor
    return found


def slug(heading: str) -> str:
    """The anchor that GitHub, and this site, give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def rewritten(text: str, file: str, site: Site) -> str:
    """The Markdown text of a file of the repository (its path there), with links for its page on the site."""
    page = site.places[file]

    def lead(link: re.Match[str]) -> str:
        return _led(link, file, page, site)

    parts = FENCED.split(text)
    return "".join(part if part.startswith("```") else LINK.sub(lead, part) for part in parts)


def _led(link: re.Match[str], file: str, page: str, site: Site) -> str:
    target, _, anchor = link["target"].partition("#")
    if "://" in link["target"] or target.startswith("mailto:"):
        return link[0]
    wanted = posixpath.normpath(posixpath.join(posixpath.dirname(file), target)) if target else file
    place = site.places.get(wanted)
    if place is not None:
        return f"{link['image']}[{link['text']}]({_from(page, place, _anchor(anchor, place, site.headings))})"
    if site.repository and wanted == ".":
        return f"[{link['text']}]({site.repository})"
    if site.repository and not wanted.startswith("..") and (ROOT / wanted).exists():
        kind = "tree" if (ROOT / wanted).is_dir() else "blob"
        return f"[{link['text']}]({site.repository}/{kind}/main/{wanted}{'#' + anchor if anchor else ''})"
    return link["text"]


def _anchor(anchor: str, place: str, headings: Mapping[str, Mapping[str, str]]) -> str:
    return headings.get(place, {}).get(anchor, anchor)


def _from(page: str, place: str, anchor: str) -> str:
    if page == place and anchor:
        return f"#{anchor}"
    way = posixpath.relpath(place, posixpath.dirname(page) or ".")
    return f"{way}#{anchor}" if anchor else way


def find_repository(variable: str | None) -> str | None:
    """The repository's address on GitHub: the one given, or that of git's remote `origin`. None when there is none."""
    address = variable or _origin()
    found = re.fullmatch(r"(?:https://|git@|ssh://git@)github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?", address)
    return f"https://github.com/{found[1]}" if found else None


def _origin() -> str:
    command = ["git", "remote", "get-url", "origin"]
    try:
        asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    except OSError:  # no git
        return ""
    return asked.stdout.strip()
