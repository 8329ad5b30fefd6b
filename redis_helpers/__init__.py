"""The helper package of "Redis, cell by cell". Nothing is imported here: import from the modules.

TAKE HOME, the files of this folder. They need redis-py and python-dotenv, and nothing else.
    connection.py         a ready client: `RedisConnectionHandle().connect()`
    connect_options.py    which Redis: `connect_options()`, by address, password and certificates
    connection_errors.py  one sentence for each way in which a connection fails
    settings.py           environment variables over a `.env` file, and what of them goes together
    env_file.py           one `.env` file, read as Docker Compose reads it
    errors.py             `CourseError`, the one exception
    server.py             what the server is, can do, and lets this user do
    redis_repository.py   `RedisRepository`: strings, hashes and their times to live
    redis_values.py       what Redis can store: text and numbers, and times to live
    start_form.py         `StartForm`: a hash read once, into memory
    cache_aside.py        `CacheAside`: ask the cache, and on a miss the source, once for all
    lease.py, lease_keeper.py, single_flight.py, circuit_breaker.py, cache_entry.py, after_fork.py:
                          what `CacheAside` is built of, one idea each
    cache_client.py       the client that suits it: quick, and not patient
    work_queue.py         `WorkQueue`: jobs on a stream that outlive the worker that had them
    queue_worker.py       `Worker`: works for a `WorkQueue`, and stops without losing a job
    rate_limiter.py       four limiters with one verb: fixed window, sliding log, sliding counter, token bucket
    fenced_lock.py        `FencedLock`: one holder at a time, and a number with which a late writer is refused
    impatient_client.py   the client of both: it waits briefly, and sends nothing twice
    sessions.py           `Sessions`: log-ins that end, move to a new id, and can be ended everywhere
    leaderboard.py        `Leaderboard`: points, places, a page around somebody, days into weeks

market/, the source behind the cache: the fruit market's data, in SQLite or in MySQL.
    data.py               the tables and their rows
    repositories.py       `SqliteRepository`, `MysqlRepository`, `open_source()`

course/, the course's machinery. Nobody needs to read it to learn Redis.
    embedded.py           `EmbeddedRedis`: a private, real redis-server
    embedded_guard.py, left_folders.py:
                          the small program that ends it with its owner, and the folders that were left
    embedded_cluster.py   `EmbeddedCluster`: a real cluster of such servers
    rights.py             what a user may do here, for lessons on somebody else's server
    measure.py, plots.py  measuring, and every picture of the course
    notebook/             `%%redis`, errors in one sentence, `peek`
    breaking/             what lessons break things with: processes, a faulty network
    shop/                 the small Flask shop that lessons 10 to 20 build up, and its load test
    start/                the commands `lab`, `test`, `doctor`, `redis`, `load-test`
    exercises/            check, hint, solution, quiz, review, progress, plan, report
    lessons/              the exercises and quizzes of each lesson
"""
