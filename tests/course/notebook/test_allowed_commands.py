"""What a `%%redis` cell may run: nothing that hangs it, and on somebody's server nothing that hurts."""

import hashlib

import nbformat
import pytest
import redis

from redis_helpers.connection import RedisConnectionHandle
from redis_helpers.course.embedded import EmbeddedRedis
from redis_helpers.course.notebook.allowed_commands import is_private
from redis_helpers.course.notebook.redis_magic import run_cell
from redis_helpers.errors import CourseError
from redis_helpers.settings import LAB_REDIS

# Refused on every server, the embedded one too.
NEVER_RUN = [
    "SUBSCRIBE news",
    "psubscribe *",
    "SSUBSCRIBE s",
    "UNSUBSCRIBE a b",
    "PUNSUBSCRIBE",
    "SUNSUBSCRIBE",
    "Monitor",
    "SYNC",
    "PSYNC ? -1",
    "REPLCONF ACK 0",
    "QUIT",
    "RESET",
    "HELLO 3",
    "AUTH word",
    "CLIENT REPLY OFF",
    "client  reply  skip",
    "CLIENT PAUSE 100000",
    "FLUSHALL",
    "FLUSHDB ASYNC",
    "SWAPDB 0 1",
    "KEYS *",
    "SHUTDOWN NOSAVE",
    "DEBUG SLEEP 10",
    "REPLICAOF example.org 6379",
    "slaveof example.org 6379",
    "MIGRATE example.org 6379 k 0 1",
    "FAILOVER",
    # the same in other clothes
    '"FLUSHALL "',
    '" FLUSHALL"',
    '"\\tflushall\\n" ASYNC',
    "'FLUSHALL'",
    'FLUSH"ALL"',
    "f'lushall'",
    '"\\x46LUSHALL"',
    '"\\x4bEYS" *',
    "fLuShAlL",
    "\x0bFLUSHALL",
    "3 FLUSHALL",
    '"2\\x00" FLUSHALL',
    "1 MULTI\nFLUSHALL\nEXEC",
    "MULTI\nKEYS *\nEXEC",
    '"CLIENT PAUSE" 1000',
    '"client  pause" 1000',
    'CLIENT " PAUSE" 1000',
    'CLI"ENT" PAU"SE" 1000',
    # a wait that is too long, or endless
    "BLPOP l 0",
    "BLPOP l 0.0",
    "BLPOP l 0x0",
    "BLPOP l 0x10",
    "BLPOP l -0",
    "BLPOP l 0e9",
    "BLPOP l 0.0001",
    "BLPOP l nan",
    "BLPOP l inf",
    "BLPOP l 6",
    "BLPOP l -1",
    "BLPOP l 1e1",
    "BLPOP l 1_0",
    "BLPOP l ١",
    '"blpop" l "0"',
    "10 BLPOP l 1",
    "BRPOP a b 0",
    "BLMOVE a b LEFT RIGHT 0",
    "BRPOPLPUSH a b 0",
    "BZPOPMIN z 0",
    "BZPOPMAX z 100",
    "BLMPOP 0 1 l LEFT",
    "BLMPOP 6 1 1 LEFT COUNT 1",
    "BZMPOP 0 1 z MIN",
    "XREAD BLOCK 0 STREAMS s $",
    "XREAD COUNT 1 block 6000 STREAMS s $",
    "XREAD BLOCK 1 BLOCK 0 STREAMS s $",
    "XREAD COUNT BLOCK BLOCK 0 STREAMS s $",
    "XREAD NOACK UNKNOWN BLOCK 0 STREAMS s $",
    "XREADGROUP GROUP g c BLOCK 0 STREAMS s >",
    "XREADGROUP GROUP block block BLOCK 0 STREAMS s >",
    "XREADGROUP BLOCK 0 GROUP g c STREAMS s >",
    "XREADGROUP GROUP g streams BLOCK 0 STREAMS s >",
    "XREADGROUP GROUP g c CLAIM 100 BLOCK 0 STREAMS s >",
    "WAIT 1 0",
    "WAIT 1 5001",
    "WAITAOF 1 0 0",
    # a password in the notebook
    "CONFIG GET *",
    "CONFIG GET requirepass",
    "CONFIG GET maxmemory REQUIREPASS",
    "CONFIG GET *auth",
    "CONFIG GET r?quire*",
    "CONFIG GET [r]equirepass",
    "CONFIG GET \\requirepass",
]

# Refused where others may be; the embedded server of the course takes these.
MAY_HURT_OTHERS = [
    "CONFIG SET maxmemory 1",
    '"CONFIG SET" maxmemory 1',
    "config  resetstat",
    "CONFIG REWRITE",
    "ACL SETUSER default off",
    "ACL DELUSER x",
    "ACL LIST",
    "MODULE LOAD /x.so",
    "CLIENT KILL TYPE normal",
    "CLIENT UNBLOCK 1",
    "CLIENT NO-EVICT on",
    "CLIENT NOSUCH",
    "CLUSTER RESET",
    "CLUSTER FAILOVER TAKEOVER",
    "SAVE",
    "BGSAVE",
    "BGREWRITEAOF",
    "SLOWLOG RESET",
    "LATENCY RESET",
    "MEMORY PURGE",
    "SCRIPT FLUSH",
    "SCRIPT KILL",
    "FUNCTION FLUSH",
    "FUNCTION LOAD REPLACE x",
    "FUNCTION RESTORE x",
    "FCALL f 0",
    "fcall_ro f 0",
    "PFDEBUG ENCODING h",
    "PFSELFTEST",
    "EVAL \"redis.call('FLUSHALL')\" 0",
    "eval_ro \"return redis.call('KEYS', '*')\" 0",
    "EVAL \"return redis.call(ARGV[1], '*')\" 0 KEYS",
    "EVAL \"redis.call('CONFIG', 'SET', 'maxmemory', '1')\" 0",
    'EVAL \'redis.call("FLUSH" .. "ALL")\' 0',
    "MULTI\nEVAL \"redis.call('FLUSHALL')\" 0\nEXEC",
    "2 EVAL \"redis.call('FLUSHALL')\" 0",
    "SCRIPT LOAD \"redis.call('FLUSHALL')\"",
    "EVALSHA 0000000000000000000000000000000000000000 0",
    "EVALSHA_RO 0000000000000000000000000000000000000000 0",
]


def refused(redis_conn: redis.Redis, line: str, capsys) -> str:
    """The sentence, after a look that nothing of the cell has run."""
    redis_conn.set("somebody's", 1)
    with pytest.raises(CourseError) as caught:
        run_cell(redis_conn, f"SET before 1\n{line}\nSET after 1")
    assert redis_conn.exists("before", "after") == 0
    assert redis_conn.get("somebody's") == "1"
    assert capsys.readouterr().out == ""
    sentence = str(caught.value)
    assert len(sentence.splitlines()) == 1
    assert sentence.endswith(".")
    return sentence


@pytest.mark.parametrize("line", NEVER_RUN)
def test_what_would_hang_the_cell_or_touch_every_key_is_refused_before_anything_runs(redis_conn, capsys, line):
    refused(redis_conn, line, capsys)


@pytest.mark.parametrize("prompt", ["127.0.0.1:6379> ", "> "])
def test_a_prompt_does_not_hide_a_command(redis_conn, prompt):
    redis_conn.set("somebody's", 1)
    with pytest.raises(CourseError, match="FLUSHALL is not run here"):
        run_cell(redis_conn, f"{prompt}PING\n{prompt}FLUSHALL")
    assert redis_conn.get("somebody's") == "1"


@pytest.mark.parametrize("line", MAY_HURT_OTHERS)
def test_what_may_hurt_others_is_refused_on_a_server_that_may_be_somebodys(redis_conn, capsys, line):
    refused(redis_conn, line, capsys)


@pytest.fixture
def private_conn():
    """A client of this process' own embedded server."""
    with RedisConnectionHandle() as handle:
        redis_conn = handle.connect()
        redis_conn.flushall()
        yield redis_conn


@pytest.mark.parametrize("line", NEVER_RUN)
def test_the_embedded_server_is_no_exception_for_these(private_conn, capsys, line):
    refused(private_conn, line, capsys)


def test_scripts_and_settings_are_free_on_the_embedded_server(private_conn, capsys):
    run_cell(
        private_conn,
        "CONFIG SET maxmemory 100mb\nEVAL \"return redis.call(ARGV[1], 'k', 'v')\" 0 SET\nCLIENT NO-EVICT on\n"
        "SCRIPT FLUSH\nEVAL \"return #redis.call('KEYS', '*')\" 0\nCONFIG SET maxmemory 0\nPFSELFTEST",
    )
    assert capsys.readouterr().out.splitlines() == ["OK", "OK", "OK", "OK", "(integer) 1", "OK", "OK"]


def test_only_the_embedded_server_of_the_course_is_private(private_conn, redis_conn, server, monkeypatch):
    assert is_private(private_conn)
    assert not is_private(redis_conn)
    assert not is_private(redis.Redis())
    assert not is_private(redis.Redis(unix_socket_path="/tmp/redis.sock"))
    kept = private_conn.connection_pool.connection_kwargs
    assert not is_private(redis.Redis(host=kept["host"], port=kept["port"], password="another"))
    monkeypatch.setenv("REDIS_URL", server.url)
    assert not is_private(redis_conn)
    monkeypatch.setenv(LAB_REDIS, "127.0.0.1:1/0")
    assert not is_private(redis_conn)
    monkeypatch.setenv(LAB_REDIS, f"127.0.0.1:{server.port}/0")
    assert is_private(redis_conn)
    assert not is_private(private_conn)
    monkeypatch.setenv("REDIS_URL", server.url.replace("127.0.0.1", "redis.example.org"))
    assert not is_private(redis.Redis.from_url(server.url.replace("127.0.0.1", "redis.example.org")))
    monkeypatch.setenv("REDIS_URL", "nonsense")
    assert not is_private(redis_conn)


HARMLESS_CELLS = {
    "a stream named block": ("XADD block 1-1 a 1\nXREAD COUNT 1 STREAMS block 0", '1) 1) "block"'),
    "streams named as options are": ("XADD count 1-1 a 1\nXREAD BLOCK 10 STREAMS block count 0 0", '1) 1) "count"'),
    "a consumer named block": (
        "XGROUP CREATE s g $ MKSTREAM\nXREADGROUP GROUP g block COUNT 1 STREAMS s >",
        "(nil)",
    ),
    "short waits": ("BLPOP l 0.01\nBLMPOP 0.01 1 l LEFT\nBZMPOP +1e-2 1 z MIN\nWAIT 0 10", "(integer) 0"),
    "a word that is refused as a value": ("SET FLUSHALL KEYS\nGET FLUSHALL", '"KEYS"'),
    "a hash field named as a refused subcommand": ("HSET client pause 1\nHGET client pause", '"1"'),
    "settings by name": ("CONFIG GET maxmemory*", '1) "maxmemory'),
    "reports": ("CLIENT GETNAME\nOBJECT ENCODING none\nDBSIZE\nSCRIPT EXISTS x\nCOMMAND COUNT", "(integer) "),
    "a script": ("SET k v\nEVAL \"return redis.call('GET', KEYS[1])\" 1 k", '"v"'),
    "a transaction": ("MULTI\nINCR n\nEXEC", "1) (integer) 1"),
    "too few words to wait": ("BLPOP", "(error) ERR wrong number of arguments for 'blpop' command"),
}


@pytest.mark.parametrize(("cell", "part"), HARMLESS_CELLS.values(), ids=HARMLESS_CELLS)
def test_what_only_looks_dangerous_is_run(redis_conn, capsys, cell, part):
    run_cell(redis_conn, cell)
    printed = capsys.readouterr().out
    assert part in printed
    assert "NOPERM" not in printed


def test_every_cell_of_the_lessons_may_run_on_somebodys_server(redis_conn, notebooks, capsys):
    cells = [cell.source for path in notebooks for cell in nbformat.read(path, as_version=4).cells]
    commands = [source.removeprefix("%%redis\n") for source in cells if source.startswith("%%redis\n")]
    assert len(commands) > 10
    for cell in commands:
        run_cell(redis_conn, cell)
    assert "unknown command" not in capsys.readouterr().out


def test_a_script_that_was_read_runs_by_its_hash(redis_conn, capsys):
    script = "return redis.call('INCR', KEYS[1]) -- counted"
    script_hash = hashlib.sha1(script.encode()).hexdigest()
    run_cell(redis_conn, f'SCRIPT LOAD "{script}"\nEVALSHA {script_hash} 1 n\nevalsha {script_hash.upper()} 1 n')
    assert capsys.readouterr().out == f'"{script_hash}"\n(integer) 1\n(integer) 2\n'


def test_a_script_that_others_have_loaded_does_not_run_by_its_hash(redis_conn, capsys):
    script_hash = redis_conn.script_load("return redis.call('FLUSHALL')")
    assert "SCRIPT LOAD" in refused(redis_conn, f"EVALSHA {script_hash} 0", capsys)


def test_a_command_that_only_the_server_knows_is_refused(capsys):
    with (
        EmbeddedRedis(rename_command=["FLUSHALL", "zap"]) as server,
        redis.Redis.from_url(server.url, decode_responses=True) as client,
    ):
        assert "does not know what ZAP does" in refused(client, '"Zap"', capsys)


def test_a_command_that_nobody_knows_is_an_error_of_the_server(redis_conn, capsys):
    run_cell(redis_conn, 'NOSUCH\n"FLUSH ALL"\n"GET " k')
    assert [line.split("'")[0] for line in capsys.readouterr().out.splitlines() if line.startswith("(")] == [
        "(error) ERR unknown command "
    ] * 3


def test_where_the_server_may_not_be_asked_an_unknown_command_is_refused(redis_conn, server, capsys):
    redis_conn.acl_setuser("quiet", enabled=True, passwords=["+word"], keys=["*"], commands=["+@all", "-command"])
    try:
        with redis.Redis(port=server.port, username="quiet", password="word", decode_responses=True) as client:
            refused(client, "NOSUCH", capsys)
            run_cell(client, "GET none")
            assert capsys.readouterr().out == "(nil)\n"
    finally:
        redis_conn.acl_deluser("quiet")
