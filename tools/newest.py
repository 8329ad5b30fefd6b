"""What this environment has in another version than `requirements.txt` pins: `.venv/bin/python -m tools.newest`.

For an environment with the newest packages that `pyproject.toml` allows, which a workflow tries each week.
"""

from redis_helpers.course.start.environment import missing_packages, pinned_packages


def table() -> str:
    """A Markdown table: each package, its pin, and the version that is here."""
    pins = pinned_packages()
    rows = [f"| {name} | {pins[name]} | {version or 'none'} |" for name, version in missing_packages().items()]
    if not rows:
        return f"All {len(pins)} packages are at their pinned versions."
    return "\n".join(["| Package | Pinned | Here |", "|---|---|---|", *rows])


if __name__ == "__main__":
    print(table())
