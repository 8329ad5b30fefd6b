"""What a learner can send to anybody: enough to help, and nothing that tells who it is."""

import getpass
import json
import socket
from pathlib import Path

import pytest

from redis_helpers.course.exercises import check, progress_file, report, report_text, wire
from redis_helpers.course.exercises.catalog import exercises
from redis_helpers.course.exercises.model import Failed
from redis_helpers.server import server_name
from tests.support.users import user_of

POISON = "poison"  # stands in every place that a learner fills


@pytest.fixture
def reported(capsys):
    """The lines of the report, by their first word."""

    def lines():
        report()
        found = capsys.readouterr().out.splitlines()
        return {line.partition(":")[0]: line.partition(":")[2].strip() for line in found}

    return lines


@pytest.fixture(autouse=True)
def _no_verdicts():
    report_text._verdicts.clear()


class PoisonError(ValueError):
    """An error class of the learner's own."""


def poison_returned(redis_conn, key, value):
    return f"{POISON} {key}"


def poison_raised(redis_conn, key, value):
    raise ValueError(f"{POISON} of {key}")


def poison_class(redis_conn, key, value):
    raise PoisonError(POISON)


def poison_key(redis_conn, key, value):
    redis_conn.set(f"{POISON}:password", POISON)


def test_what_a_helper_wants_to_know(reported, server, redis_conn, monkeypatch):
    monkeypatch.setenv("REDIS_URL", server.url)
    done = dict.fromkeys([name for name, exercise in exercises().items() if int(exercise.lesson) < 2], "2026-11-20")
    progress_file.progress_path().write_text(json.dumps({"passed": done}))
    check("1.5", lambda redis_conn, key, value: bool(redis_conn.set(key, value, nx=True)))
    check("1.5", lambda redis_conn, key, value: True)
    check("1.5", lambda redis_conn, key, value: 1 / 0)
    found = reported()
    assert found["Server"] == f"{server_name(redis_conn)}, configured, on localhost"
    assert found["Packages"].startswith("redis 8.") and "jupyterlab 4." in found["Packages"]
    assert found["Python"].startswith("3.") and found["System"].split()
    assert found["Course"] == "1.0.0"
    assert found["Progress"].startswith(f"{len(done)} of {len(exercises())} exercises passed, 2 lessons finished, ")
    assert "  1.5 passed" in found
    assert found["  1.5 failed"] and not found["  1.5 failed"].startswith("…")
    assert "  1.5 raised ZeroDivisionError" in found


def test_nothing_personal_and_no_secret(capsys, server, tmp_path, monkeypatch):
    home = tmp_path / f"{POISON}-home"
    home.mkdir()
    for name in ("USER", "LOGNAME", "USERNAME", "HOSTNAME", "REDIS_TLS_CA_FILE", "MYSQL_PASSWORD", "MYSQL_USER"):
        monkeypatch.setenv(name, f"{POISON}-{name}")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(socket, "gethostname", lambda: f"{POISON}-machine")
    monkeypatch.setattr(getpass, "getuser", lambda: POISON)
    monkeypatch.setenv(progress_file.VARIABLE, str(home / "progress.json"))
    monkeypatch.chdir(home)
    (home / ".env").write_text(f"REDIS_PASSWORD={POISON}\nMYSQL_HOST={POISON}.example\n")
    plan = {"text": f"on Friday with {POISON}", "day": "2026-11-26"}
    (home / "progress.json").write_text(json.dumps({"passed": {POISON: POISON}, "plan": plan, POISON: POISON}))
    with user_of(server, "~*", "+@all", name=POISON) as options:
        monkeypatch.setenv("REDIS_URL", options.url)
        for function in (poison_returned, poison_raised, poison_class, poison_key, POISON):
            check("1.5", function)
            check("4.4", function)
        capsys.readouterr()
        report()
        text = capsys.readouterr().out
    assert "1.5 raised ValueError" in text and "1.5 raised an error of another package" in text
    assert ", configured, on localhost" in text and "failed: …\n" not in text, (
        "each failure has some words of its reason"
    )
    assert POISON not in text.lower()
    for secret in (options.password, str(Path.cwd()), str(home.parent), "cell-by-cell:exercise", str(server.port)):
        assert secret not in text


@pytest.mark.parametrize(
    ("url", "line"),
    [
        (f"redis://{POISON}:{POISON}@127.0.0.1:1/0", "configured, on localhost, is not there (connection refused)"),
        (
            f"redis://{POISON}:{POISON}@{POISON}.invalid:1",
            "configured, on another host, has a host name that is not known",
        ),
        (f"unix:///{POISON}/no.sock", "configured, on localhost, is not there (no such socket)"),
        (
            f"rediss://:{POISON}@127.0.0.1:1/0?ssl_ca_certs=/{POISON}.pem",
            "configured, on localhost, with TLS, cannot be used",
        ),
        (f"{POISON}://{POISON}", "the settings for Redis cannot be understood"),
    ],
)
def test_a_server_that_is_not_there(url, line, reported, monkeypatch):
    monkeypatch.setenv("REDIS_URL", url)
    assert reported()["Server"] == line


def test_the_embedded_server(reported):
    assert reported()["Server"].endswith(", embedded: the course has started it")


def test_a_wrong_password(reported, server, monkeypatch):
    with user_of(server, "~*", "+@all") as options:
        monkeypatch.setenv("REDIS_URL", options.url.replace(options.password, POISON))
        assert reported()["Server"] == "configured, on localhost, refused the user or password"


def test_what_was_put_into_a_reason_is_left_out():
    kept = report_text._words_of_the_course("your code was stopped: it took more than poison seconds")
    assert POISON not in kept
    assert report_text._words_of_the_course(f"{POISON} was seen") == "…"
    in_templates = {part for parts in report_text._templates_of_the_course() for part in parts}
    plain = report_text._texts_of_the_course() - in_templates
    long = max(text for text in plain if len(text) > 60 and "\n" not in text)
    report_text.note_verdict("1.5", Failed(f"{long} {POISON}"))
    report_text.note_verdict("1.6", Failed(long))
    first, second = [report_text._line_of(*verdict) for verdict in report_text._verdicts]
    assert first == f"  1.5 failed: {long.strip()} …"
    assert second == f"  1.6 failed: {long.strip()}"
    assert report_text._words_of_the_course(f"{POISON} {long} {POISON}") == f"… {long.strip()} …"


def test_a_sentence_with_values_is_told_from_its_beginning():
    """Only what was put in is left out."""
    told = report_text._words_of_the_course(wire._not_its_own("SET", f"{POISON}:key"))
    assert told.startswith("… was not run on the key …, which is not one of this exercise: every key must come ")
    assert told.endswith("No other key is touched here.") and POISON not in told


def test_only_the_last_verdicts_are_kept():
    for number in range(20):
        report_text.note_verdict(f"1.{number}", "passed")
    assert len(report_text._verdicts) == report_text.MOST_VERDICTS
    assert report_text._verdicts[-1][0] == "1.19"
