-- The whole database of this version. Dashboards and scripts read the views at the end, never the tables.
-- Times are Unix seconds, UTC. Money is nano-dollars (1e-9 USD). Bytes are bytes.

-- Facts about the book itself: one row per fact.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One text that many rows share: workgroups, databases, user agents, addresses, sessions.
CREATE TABLE name (
    id    INTEGER PRIMARY KEY,
    value TEXT NOT NULL UNIQUE
) STRICT;
-- Row 0 stands for "not told" in the keys of the usage tables, which cannot hold NULL.
INSERT INTO name VALUES (0, '');

-- One account and region that an event or a configured scope named.
CREATE TABLE scope (
    id         INTEGER PRIMARY KEY,
    account_id TEXT NOT NULL,
    region     TEXT NOT NULL,
    reread_at  INTEGER, -- when the last 26 hours were last read a second time
    UNIQUE (account_id, region)
) STRICT;

-- One who asked. `found_*` is what the records say; name, kind and team have the configured mapping on top.
CREATE TABLE principal (
    id            INTEGER PRIMARY KEY,
    key           TEXT NOT NULL UNIQUE,
    identity_type TEXT,
    found_name    TEXT NOT NULL,
    found_kind    TEXT NOT NULL CHECK (found_kind IN ('user', 'service', 'unknown')),
    name          TEXT NOT NULL,
    kind          TEXT NOT NULL CHECK (kind IN ('user', 'service', 'unknown')),
    team          TEXT
) STRICT;
-- Row 0 is charged with what nobody was seen to start.
INSERT INTO principal VALUES (0, 'unattributed', NULL, 'unattributed', 'unknown', 'unattributed', 'unknown', NULL);

-- One CloudTrail event of the four names. Our own calls are not stored.
CREATE TABLE event (
    id            INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again after retention removed a row
    scope_id      INTEGER NOT NULL REFERENCES scope,
    event_id      TEXT NOT NULL,
    name          INTEGER NOT NULL CHECK (name BETWEEN 1 AND 4), -- Start, BatchGet, GetRuntimeStatistics, Get
    at            INTEGER NOT NULL,
    principal_id  INTEGER NOT NULL REFERENCES principal,
    role_id       INTEGER REFERENCES name,
    session_id    INTEGER REFERENCES name,
    service_id    INTEGER REFERENCES name,
    source_ip_id  INTEGER REFERENCES name,
    user_agent_id INTEGER REFERENCES name,
    client_id     INTEGER NOT NULL REFERENCES name,
    error_code_id INTEGER REFERENCES name,
    executions    INTEGER NOT NULL, -- how many ids it names
    UNIQUE (event_id, scope_id)
) STRICT;
CREATE INDEX event_at ON event (at);
CREATE INDEX event_read_at ON event (at) WHERE name <> 1;

-- One query text, or what privacy left of it.
CREATE TABLE query (
    id          INTEGER PRIMARY KEY,
    hash        BLOB NOT NULL UNIQUE, -- of what is stored, so that it tells no more than that
    fingerprint TEXT NOT NULL,
    text        TEXT,                 -- NULL by privacy.query_text or after retention.query_text
    last_seen   INTEGER NOT NULL      -- to a day
) STRICT;
CREATE INDEX query_fingerprint ON query (fingerprint);

-- One run of a query.
CREATE TABLE execution (
    id             INTEGER PRIMARY KEY,
    scope_id       INTEGER NOT NULL REFERENCES scope,
    execution_id   TEXT NOT NULL,
    status         INTEGER NOT NULL CHECK (status BETWEEN 0 AND 3), -- pending, finished, denied, gone
    state          INTEGER CHECK (state BETWEEN 1 AND 5),           -- QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED
    submitted      INTEGER,          -- Athena's SubmissionDateTime, else the start's time; NULL: of no hour
    completed      INTEGER,
    start_at       INTEGER,          -- of the earliest successful start seen; NULL: unattributed
    start_event_id INTEGER,          -- that event, until retention.events removes it
    principal_id   INTEGER REFERENCES principal,
    client_id      INTEGER REFERENCES name,
    workgroup_id   INTEGER REFERENCES name,
    catalog_id     INTEGER REFERENCES name,
    database_id    INTEGER REFERENCES name,
    statement_id   INTEGER REFERENCES name,
    substatement_id INTEGER REFERENCES name,
    query_id       INTEGER REFERENCES query,
    state_reason   TEXT,
    scanned_bytes  INTEGER,
    billed_bytes   INTEGER NOT NULL DEFAULT 0,
    billing_rule   INTEGER NOT NULL DEFAULT 1 CHECK (billing_rule BETWEEN 0 AND 7),
    price_source_id INTEGER REFERENCES name,
    cost           INTEGER,          -- NULL: not priced
    dpu_count      REAL,
    queue_ms       INTEGER,
    execution_ms   INTEGER,
    total_ms       INTEGER,
    reused         INTEGER,
    before_ledger  INTEGER NOT NULL DEFAULT 0 CHECK (before_ledger IN (0, 1)),
    UNIQUE (execution_id, scope_id)
) STRICT;
CREATE INDEX execution_submitted ON execution (submitted);
CREATE INDEX execution_principal ON execution (principal_id, submitted);
CREATE INDEX execution_query ON execution (query_id, submitted);
CREATE INDEX execution_gone ON execution (scope_id) WHERE status = 3;
CREATE INDEX execution_before_ledger ON execution (scope_id) WHERE before_ledger = 1;

-- An execution that an event names, other than the start that counts (`execution.start_event_id`).
CREATE TABLE event_execution (
    event     INTEGER NOT NULL REFERENCES event,
    execution INTEGER NOT NULL REFERENCES execution,
    PRIMARY KEY (event, execution)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_execution_execution ON event_execution (execution);

-- One execution that Athena is still to be asked about: every pending and denied one.
CREATE TABLE ask (
    execution       INTEGER PRIMARY KEY REFERENCES execution,
    scope_id        INTEGER NOT NULL REFERENCES scope,
    started         INTEGER NOT NULL, -- 1: a start was seen, asked first
    at              INTEGER NOT NULL, -- not before
    misses          INTEGER NOT NULL DEFAULT 0,
    first_missed_at INTEGER,
    reason          TEXT              -- what Athena said last
) STRICT;
CREATE INDEX ask_due ON ask (scope_id, started DESC, at);

-- One record that could not be read, with the reason; its own text is not kept.
CREATE TABLE unreadable (
    key      TEXT PRIMARY KEY, -- what is known of it, so that reading it twice stores it once
    scope_id INTEGER REFERENCES scope,
    event_id TEXT,
    name     INTEGER,
    at       INTEGER,
    reason   TEXT NOT NULL,
    found_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX unreadable_event_id ON unreadable (event_id);
CREATE INDEX unreadable_at ON unreadable (at);

-- One merged interval [start, end) of event time that a walk has read. walk 0 is "seen in files".
CREATE TABLE walked (
    scope_id INTEGER NOT NULL REFERENCES scope,
    walk     INTEGER NOT NULL CHECK (walk BETWEEN 0 AND 4),
    start    INTEGER NOT NULL,
    end      INTEGER NOT NULL CHECK (start < end),
    PRIMARY KEY (scope_id, walk, start)
) STRICT, WITHOUT ROWID;

-- How late events were that turned up in time already walked: events per scope and hour of lateness.
CREATE TABLE lateness (
    scope_id INTEGER NOT NULL REFERENCES scope,
    hours    INTEGER NOT NULL,
    events   INTEGER NOT NULL,
    PRIMARY KEY (scope_id, hours)
) STRICT, WITHOUT ROWID;

-- One UTC hour of a scope whose totals must be built again.
CREATE TABLE touched (
    scope_id INTEGER NOT NULL REFERENCES scope,
    hour     INTEGER NOT NULL,
    PRIMARY KEY (scope_id, hour)
) STRICT, WITHOUT ROWID;

-- One UTC hour x scope x workgroup x principal.
CREATE TABLE usage_hour (
    hour          INTEGER NOT NULL,
    scope_id      INTEGER NOT NULL REFERENCES scope,
    workgroup_id  INTEGER NOT NULL REFERENCES name,
    principal_id  INTEGER NOT NULL REFERENCES principal,
    executions    INTEGER NOT NULL,
    failed        INTEGER NOT NULL,
    cancelled     INTEGER NOT NULL,
    unpriced      INTEGER NOT NULL, -- cost not known: pending, denied, gone, or no list price
    scanned_bytes INTEGER NOT NULL,
    billed_bytes  INTEGER NOT NULL,
    cost          INTEGER NOT NULL, -- of the priced ones
    PRIMARY KEY (hour, scope_id, workgroup_id, principal_id)
) STRICT, WITHOUT ROWID;

-- One local day: days since 1970-01-01 of the local date, and the instants it spans.
CREATE TABLE local_day (
    day   INTEGER PRIMARY KEY,
    start INTEGER NOT NULL,
    end   INTEGER NOT NULL
) STRICT;

-- One local day x scope x workgroup x principal x client x database.
CREATE TABLE usage_day (
    day           INTEGER NOT NULL REFERENCES local_day,
    scope_id      INTEGER NOT NULL REFERENCES scope,
    workgroup_id  INTEGER NOT NULL REFERENCES name,
    principal_id  INTEGER NOT NULL REFERENCES principal,
    client_id     INTEGER NOT NULL REFERENCES name,
    database_id   INTEGER NOT NULL REFERENCES name,
    executions    INTEGER NOT NULL,
    failed        INTEGER NOT NULL,
    cancelled     INTEGER NOT NULL,
    unpriced      INTEGER NOT NULL,
    scanned_bytes INTEGER NOT NULL,
    billed_bytes  INTEGER NOT NULL,
    cost          INTEGER NOT NULL,
    PRIMARY KEY (day, scope_id, workgroup_id, principal_id, client_id, database_id)
) STRICT, WITHOUT ROWID;

-- One local month (year * 12 + month - 1) of usage_day, for long spans.
CREATE TABLE usage_month (
    month         INTEGER NOT NULL,
    scope_id      INTEGER NOT NULL REFERENCES scope,
    workgroup_id  INTEGER NOT NULL REFERENCES name,
    principal_id  INTEGER NOT NULL REFERENCES principal,
    client_id     INTEGER NOT NULL REFERENCES name,
    database_id   INTEGER NOT NULL REFERENCES name,
    executions    INTEGER NOT NULL,
    failed        INTEGER NOT NULL,
    cancelled     INTEGER NOT NULL,
    unpriced      INTEGER NOT NULL,
    scanned_bytes INTEGER NOT NULL,
    billed_bytes  INTEGER NOT NULL,
    cost          INTEGER NOT NULL,
    PRIMARY KEY (month, scope_id, workgroup_id, principal_id, client_id, database_id)
) STRICT, WITHOUT ROWID;

-- One tick that came to its end.
CREATE TABLE tick (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    began_at    INTEGER NOT NULL,
    elapsed_ms  INTEGER NOT NULL,
    events_read INTEGER NOT NULL,
    finished    INTEGER NOT NULL, -- executions that Athena told all about
    throttled   INTEGER NOT NULL, -- calls
    failures    INTEGER NOT NULL, -- scopes that could not be read to their end
    api_calls   TEXT NOT NULL     -- JSON: calls by API
) STRICT;

-- One local day x query shape, for the shapes that cost or ran most that day; what the others add up to has query 0.
CREATE TABLE shape_day (
    day           INTEGER NOT NULL REFERENCES local_day,
    query_id      INTEGER NOT NULL, -- the first query of that shape
    executions    INTEGER NOT NULL,
    failed        INTEGER NOT NULL,
    cancelled     INTEGER NOT NULL,
    unpriced      INTEGER NOT NULL,
    scanned_bytes INTEGER NOT NULL,
    billed_bytes  INTEGER NOT NULL,
    cost          INTEGER NOT NULL,
    PRIMARY KEY (day, query_id)
) STRICT, WITHOUT ROWID;

-- One execution that was among the most expensive of its local day, or of its principal's local day.
CREATE TABLE top_day (
    day            INTEGER NOT NULL REFERENCES local_day,
    execution      INTEGER NOT NULL REFERENCES execution,
    principal_id   INTEGER NOT NULL REFERENCES principal,
    cost           INTEGER NOT NULL,
    day_rank       INTEGER NOT NULL, -- 1 is the most expensive
    principal_rank INTEGER NOT NULL,
    PRIMARY KEY (day, execution)
) STRICT, WITHOUT ROWID;
CREATE INDEX top_day_rank ON top_day (day, day_rank, cost) WHERE day_rank <= 100;
CREATE INDEX top_day_principal ON top_day (principal_id, day, cost);

-- One local day x scope x workgroup x principal x error of what ended without a result.
CREATE TABLE wasted_day (
    day           INTEGER NOT NULL REFERENCES local_day,
    scope_id      INTEGER NOT NULL REFERENCES scope,
    workgroup_id  INTEGER NOT NULL REFERENCES name,
    principal_id  INTEGER NOT NULL REFERENCES principal,
    state         INTEGER NOT NULL CHECK (state IN (4, 5)), -- FAILED, CANCELLED
    error         TEXT NOT NULL, -- the code Athena's reason begins with, such as SYNTAX_ERROR; else empty
    executions    INTEGER NOT NULL,
    unpriced      INTEGER NOT NULL,
    scanned_bytes INTEGER NOT NULL,
    billed_bytes  INTEGER NOT NULL,
    cost          INTEGER NOT NULL,
    total_ms      INTEGER NOT NULL,
    PRIMARY KEY (day, scope_id, workgroup_id, principal_id, state, error)
) STRICT, WITHOUT ROWID;

-- One UTC hour of a scope: its totals, and how complete they are.
CREATE TABLE coverage_hour (
    hour          INTEGER NOT NULL,
    scope_id      INTEGER NOT NULL REFERENCES scope,
    status        TEXT NOT NULL CHECK (status IN ('complete', 'partial', 'open', 'none')),
    reason        TEXT, -- why it is partial
    events        INTEGER NOT NULL,
    executions    INTEGER NOT NULL,
    finished      INTEGER NOT NULL,
    pending       INTEGER NOT NULL,
    denied        INTEGER NOT NULL,
    gone          INTEGER NOT NULL,
    unattributed  INTEGER NOT NULL,
    unreadable    INTEGER NOT NULL,
    failed        INTEGER NOT NULL,
    cancelled     INTEGER NOT NULL,
    unpriced      INTEGER NOT NULL,
    scanned_bytes INTEGER NOT NULL,
    billed_bytes  INTEGER NOT NULL,
    cost          INTEGER NOT NULL,
    PRIMARY KEY (hour, scope_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX coverage_open ON coverage_hour (scope_id, hour) WHERE status = 'open';

-- A UTC hour that was built since rules last looked.
CREATE TABLE to_judge (
    hour INTEGER PRIMARY KEY
) STRICT;

-- What a rule found, once per series and level; and digests.
CREATE TABLE alert (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    alert_id     TEXT NOT NULL UNIQUE, -- the same in every delivery
    series       TEXT NOT NULL,        -- rule, subject, period and aspect
    level        INTEGER NOT NULL,
    found_at     INTEGER NOT NULL,
    rule         TEXT NOT NULL,
    severity     TEXT NOT NULL,
    subject      TEXT NOT NULL,
    name         TEXT NOT NULL,
    period       TEXT NOT NULL,
    period_start INTEGER NOT NULL,
    title        TEXT NOT NULL,
    message      TEXT NOT NULL         -- JSON, as channels render it
) STRICT;
CREATE INDEX alert_series ON alert (series, level);

-- One alert that is owed to one channel, or was delivered there.
CREATE TABLE outbox (
    channel      TEXT NOT NULL,
    alert        INTEGER NOT NULL REFERENCES alert,
    owed_at      INTEGER NOT NULL, -- given up a day after
    next_at      INTEGER NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    refused      INTEGER NOT NULL DEFAULT 0 CHECK (refused IN (0, 1)), -- the message itself: holds up no other
    delivered_at INTEGER,
    gave_up_at   INTEGER,
    error        TEXT,
    PRIMARY KEY (channel, alert)
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_owed ON outbox (channel, alert) WHERE delivered_at IS NULL AND gave_up_at IS NULL;

-- ------------------------------------------------------------------------------------------ views

-- An execution.
CREATE VIEW query_log AS
SELECT
    e.execution_id,
    s.account_id,
    s.region,
    e.submitted AS started_epoch,
    datetime(e.submitted, 'unixepoch') AS started_at,
    e.completed AS finished_epoch,
    datetime(e.completed, 'unixepoch') AS finished_at,
    p.name AS principal,
    p.key AS principal_key,
    p.kind AS principal_kind,
    p.identity_type AS principal_type,
    p.team,
    role.value AS role,
    session.value AS session,
    service.value AS service,
    client.value AS client,
    CAST(NULL AS TEXT) AS claimed_by,
    source_ip.value AS source_ip,
    user_agent.value AS user_agent,
    workgroup.value AS workgroup,
    catalog.value AS catalog,
    db.value AS database_name,
    statement.value AS statement_type,
    substatement.value AS substatement_type,
    CASE e.status WHEN 0 THEN 'pending' WHEN 1 THEN 'finished' WHEN 2 THEN 'denied' ELSE 'gone' END AS status,
    CASE e.state WHEN 1 THEN 'QUEUED' WHEN 2 THEN 'RUNNING' WHEN 3 THEN 'SUCCEEDED' WHEN 4 THEN 'FAILED'
                 WHEN 5 THEN 'CANCELLED' END AS state,
    e.state_reason,
    e.scanned_bytes,
    e.billed_bytes,
    CASE e.billing_rule WHEN 0 THEN 'unknown' WHEN 1 THEN 'pending' WHEN 2 THEN 'free_failed' WHEN 3 THEN 'capacity'
                        WHEN 4 THEN 'free_reused' WHEN 5 THEN 'free_ddl' WHEN 6 THEN 'minimum' ELSE 'scan'
                        END AS billing_rule,
    price_source.value AS price_source,
    e.cost / 1e9 AS cost_usd,
    e.dpu_count,
    e.queue_ms,
    e.execution_ms,
    e.total_ms,
    e.reused,
    q.fingerprint AS query_fingerprint,
    q.text AS query_text,
    iif(e.start_at IS NULL, 'none', 'start_event') AS attribution,
    e.before_ledger,
    ev.event_id
FROM execution e
JOIN scope s ON s.id = e.scope_id
JOIN principal p ON p.id = coalesce(e.principal_id, 0)
LEFT JOIN event ev ON ev.id = e.start_event_id
LEFT JOIN name role ON role.id = ev.role_id
LEFT JOIN name session ON session.id = ev.session_id
LEFT JOIN name service ON service.id = ev.service_id
LEFT JOIN name source_ip ON source_ip.id = ev.source_ip_id
LEFT JOIN name user_agent ON user_agent.id = ev.user_agent_id
LEFT JOIN name client ON client.id = e.client_id
LEFT JOIN name workgroup ON workgroup.id = e.workgroup_id
LEFT JOIN name catalog ON catalog.id = e.catalog_id
LEFT JOIN name db ON db.id = e.database_id
LEFT JOIN name statement ON statement.id = e.statement_id
LEFT JOIN name substatement ON substatement.id = e.substatement_id
LEFT JOIN name price_source ON price_source.id = e.price_source_id
LEFT JOIN query q ON q.id = e.query_id;

-- A UTC hour x scope x workgroup x principal.
CREATE VIEW usage_hourly AS
SELECT
    u.hour AS hour_epoch,
    datetime(u.hour, 'unixepoch') AS hour_at,
    s.account_id,
    s.region,
    nullif(w.value, '') AS workgroup,
    p.name AS principal,
    p.key AS principal_key,
    p.kind AS principal_kind,
    p.team,
    u.executions,
    u.failed,
    u.cancelled,
    u.unpriced,
    u.scanned_bytes,
    u.billed_bytes,
    iif(u.unpriced = u.executions, NULL, u.cost / 1e9) AS cost_usd
FROM usage_hour u
JOIN scope s ON s.id = u.scope_id
JOIN name w ON w.id = u.workgroup_id
JOIN principal p ON p.id = u.principal_id;

-- A local day x scope x workgroup x principal x client x database.
CREATE VIEW usage_daily AS
SELECT
    date(u.day * 86400, 'unixepoch') AS day,
    d.start AS day_epoch,
    s.account_id,
    s.region,
    nullif(w.value, '') AS workgroup,
    p.name AS principal,
    p.key AS principal_key,
    p.kind AS principal_kind,
    p.team,
    nullif(c.value, '') AS client,
    nullif(db.value, '') AS database_name,
    u.executions,
    u.failed,
    u.cancelled,
    u.unpriced,
    u.scanned_bytes,
    u.billed_bytes,
    iif(u.unpriced = u.executions, NULL, u.cost / 1e9) AS cost_usd
FROM usage_day u
JOIN local_day d ON d.day = u.day
JOIN scope s ON s.id = u.scope_id
JOIN name w ON w.id = u.workgroup_id
JOIN name c ON c.id = u.client_id
JOIN name db ON db.id = u.database_id
JOIN principal p ON p.id = u.principal_id;

-- A CloudTrail event.
CREATE VIEW event_log AS
SELECT
    e.event_id,
    e.at AS event_epoch,
    datetime(e.at, 'unixepoch') AS event_at,
    CASE e.name WHEN 1 THEN 'StartQueryExecution' WHEN 2 THEN 'BatchGetQueryExecution'
                WHEN 3 THEN 'GetQueryRuntimeStatistics' ELSE 'GetQueryExecution' END AS event_name,
    s.account_id,
    s.region,
    p.name AS principal,
    p.key AS principal_key,
    source_ip.value AS source_ip,
    user_agent.value AS user_agent,
    client.value AS client,
    error_code.value AS error_code,
    e.executions
FROM event e
JOIN scope s ON s.id = e.scope_id
JOIN principal p ON p.id = e.principal_id
LEFT JOIN name source_ip ON source_ip.id = e.source_ip_id
LEFT JOIN name user_agent ON user_agent.id = e.user_agent_id
LEFT JOIN name client ON client.id = e.client_id
LEFT JOIN name error_code ON error_code.id = e.error_code_id;

-- A UTC hour x scope, and how complete it is.
CREATE VIEW coverage_hourly AS
SELECT
    c.hour AS hour_epoch,
    datetime(c.hour, 'unixepoch') AS hour_at,
    s.account_id,
    s.region,
    c.status,
    c.reason,
    c.events,
    c.executions,
    c.finished,
    c.pending,
    c.denied,
    c.gone,
    c.unattributed,
    c.unreadable
FROM coverage_hour c
JOIN scope s ON s.id = c.scope_id;

-- A UTC hour x scope of executions that were found after retention had frozen their hour: in no usage row.
CREATE VIEW adjustment_hourly AS
SELECT
    e.submitted / 3600 * 3600 AS hour_epoch,
    datetime(e.submitted / 3600 * 3600, 'unixepoch') AS hour_at,
    s.account_id,
    s.region,
    count(*) AS executions,
    sum(coalesce(e.scanned_bytes, 0)) AS scanned_bytes,
    sum(e.billed_bytes) AS billed_bytes,
    sum(e.cost) / 1e9 AS cost_usd
FROM execution e
JOIN scope s ON s.id = e.scope_id
WHERE e.submitted < (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'frozen_before') AND e.before_ledger = 0
GROUP BY 1, e.scope_id;

-- An alert x channel it is owed to: delivered, waiting or given up. Without channels one row.
CREATE VIEW alert_log AS
SELECT
    a.alert_id,
    a.found_at AS found_epoch,
    datetime(a.found_at, 'unixepoch') AS found_at,
    a.rule,
    a.severity,
    a.subject,
    a.name,
    a.period,
    a.period_start AS period_epoch,
    a.level,
    a.title,
    o.channel,
    CASE WHEN o.channel IS NULL THEN 'recorded' WHEN o.delivered_at IS NOT NULL THEN 'delivered'
         WHEN o.gave_up_at IS NOT NULL THEN 'given up' ELSE 'waiting' END AS delivery,
    o.attempts,
    o.delivered_at AS delivered_epoch,
    datetime(o.delivered_at, 'unixepoch') AS delivered_at,
    o.error
FROM alert a
LEFT JOIN outbox o ON o.alert = a.id;

-- A local day x query shape, for the shapes that cost or ran most that day; the others together have no fingerprint.
CREATE VIEW shape_daily AS
SELECT
    date(u.day * 86400, 'unixepoch') AS day,
    d.start AS day_epoch,
    q.fingerprint AS query_fingerprint,
    iif(u.query_id = 0, '(other shapes)', coalesce(q.text, '(text not kept)')) AS query_text,
    u.executions,
    u.failed,
    u.cancelled,
    u.unpriced,
    u.scanned_bytes,
    u.billed_bytes,
    iif(u.unpriced = u.executions, NULL, u.cost / 1e9) AS cost_usd
FROM shape_day u
JOIN local_day d ON d.day = u.day
LEFT JOIN query q ON q.id = u.query_id;

-- An execution that was among the 100 most expensive of its local day, or the 10 most expensive of its principal's.
CREATE VIEW top_executions_daily AS
SELECT
    date(t.day * 86400, 'unixepoch') AS day,
    d.start AS day_epoch,
    t.day_rank,
    t.principal_rank,
    e.execution_id,
    s.account_id,
    s.region,
    e.submitted AS started_epoch,
    datetime(e.submitted, 'unixepoch') AS started_at,
    p.name AS principal,
    p.key AS principal_key,
    p.kind AS principal_kind,
    p.team,
    client.value AS client,
    workgroup.value AS workgroup,
    db.value AS database_name,
    CASE e.state WHEN 3 THEN 'SUCCEEDED' WHEN 4 THEN 'FAILED' WHEN 5 THEN 'CANCELLED' END AS state,
    e.scanned_bytes,
    e.billed_bytes,
    t.cost / 1e9 AS cost_usd,
    e.total_ms,
    q.fingerprint AS query_fingerprint,
    q.text AS query_text
FROM local_day d
CROSS JOIN top_day t ON t.day = d.day
JOIN execution e ON e.id = t.execution
JOIN scope s ON s.id = e.scope_id
JOIN principal p ON p.id = t.principal_id
LEFT JOIN name client ON client.id = e.client_id
LEFT JOIN name workgroup ON workgroup.id = e.workgroup_id
LEFT JOIN name db ON db.id = e.database_id
LEFT JOIN query q ON q.id = e.query_id;

-- A local day x scope x workgroup x principal x error of what ended without a result. total_ms: from submission to end.
CREATE VIEW wasted_daily AS
SELECT
    date(u.day * 86400, 'unixepoch') AS day,
    d.start AS day_epoch,
    s.account_id,
    s.region,
    nullif(w.value, '') AS workgroup,
    p.name AS principal,
    p.key AS principal_key,
    p.kind AS principal_kind,
    p.team,
    iif(u.state = 4, 'FAILED', 'CANCELLED') AS state,
    nullif(u.error, '') AS error,
    u.executions,
    u.unpriced,
    u.scanned_bytes,
    u.billed_bytes,
    iif(u.unpriced = u.executions, NULL, u.cost / 1e9) AS cost_usd,
    u.total_ms
FROM wasted_day u
JOIN local_day d ON d.day = u.day
JOIN scope s ON s.id = u.scope_id
JOIN name w ON w.id = u.workgroup_id
JOIN principal p ON p.id = u.principal_id;

-- An hour of today x principal: the total since local midnight, at the end of that hour. Today is the day of the last
-- rollup. None after the newest walked hour; the 50 principals of the highest cost, and `other`.
CREATE VIEW running_total_today AS
WITH RECURSIVE
today AS (
    SELECT d.day, d.start, min(d.end, (SELECT max(w.end) FROM walked w WHERE w.walk = 1)) AS end
    FROM local_day d
    WHERE d.day = (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'today')
),
cell AS (
    SELECT u.hour, u.principal_id, u.executions, u.unpriced, u.scanned_bytes, u.billed_bytes, u.cost
    FROM today t JOIN usage_hour u ON u.hour >= t.start AND u.hour < t.end
    UNION ALL
    -- In zones of a half hour the day begins within a UTC hour.
    SELECT t.start / 3600 * 3600, coalesce(e.principal_id, 0), 1, e.cost IS NULL, coalesce(e.scanned_bytes, 0),
           e.billed_bytes, coalesce(e.cost, 0)
    FROM today t
    JOIN execution e ON e.submitted >= t.start AND e.submitted < (t.start + 3599) / 3600 * 3600
    WHERE +e.before_ledger = 0 -- the plus keeps SQLite from building an index of its own over all executions
),
-- Whoever was there yesterday begins at 0, so that the first hour of a day is not empty.
known AS (
    SELECT principal_id, cost AS today, 0 AS yesterday FROM cell
    UNION ALL
    SELECT y.principal_id, 0, y.cost FROM today t JOIN usage_day y ON y.day = t.day - 1
),
top AS (
    SELECT principal_id FROM known GROUP BY 1 ORDER BY sum(today) DESC, sum(yesterday) DESC, 1 LIMIT 50
),
line AS (
    SELECT DISTINCT iif(k.principal_id IN (SELECT principal_id FROM top), k.principal_id, -1) AS principal_id
    FROM known k
),
slot AS (
    SELECT t.start / 3600 * 3600 AS hour, t.end FROM today t WHERE t.start < t.end
    UNION ALL
    SELECT hour + 3600, end FROM slot WHERE hour + 3600 < end
),
sums AS (
    SELECT hour, iif(principal_id IN (SELECT principal_id FROM top), principal_id, -1) AS principal_id,
           sum(executions) AS executions, sum(unpriced) AS unpriced, sum(scanned_bytes) AS scanned_bytes,
           sum(billed_bytes) AS billed_bytes, sum(cost) AS cost
    FROM cell GROUP BY 1, 2
),
running AS (
    SELECT slot.hour, line.principal_id,
           sum(coalesce(s.executions, 0)) OVER since_midnight AS executions,
           sum(coalesce(s.unpriced, 0)) OVER since_midnight AS unpriced,
           sum(coalesce(s.scanned_bytes, 0)) OVER since_midnight AS scanned_bytes,
           sum(coalesce(s.billed_bytes, 0)) OVER since_midnight AS billed_bytes,
           sum(coalesce(s.cost, 0)) OVER since_midnight AS cost
    FROM slot CROSS JOIN line
    LEFT JOIN sums s ON s.hour = slot.hour AND s.principal_id = line.principal_id
    WINDOW since_midnight AS (PARTITION BY line.principal_id ORDER BY slot.hour)
)
SELECT
    date(t.day * 86400, 'unixepoch') AS day,
    r.hour AS hour_epoch,
    datetime(r.hour, 'unixepoch') AS hour_at,
    (r.hour - t.start / 3600 * 3600) / 3600 AS hour_of_day,
    coalesce(p.name, 'other') AS principal,
    coalesce(p.key, 'other') AS principal_key,
    p.kind AS principal_kind,
    p.team,
    r.executions,
    r.unpriced,
    r.scanned_bytes,
    r.billed_bytes,
    r.cost / 1e9 AS cost_usd
FROM running r
CROSS JOIN today t
LEFT JOIN principal p ON p.id = r.principal_id;

-- An hour of today: the total of everybody since local midnight, none after the newest walked hour, and the usual:
-- the median of the same hour of the last four same weekdays, none with fewer than two of them in the book.
CREATE VIEW usual_total_today AS
WITH RECURSIVE
today AS (
    SELECT d.day, d.start, d.end, (SELECT max(w.end) FROM walked w WHERE w.walk = 1) AS walked_to
    FROM local_day d
    WHERE d.day = (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'today')
),
slot AS (
    SELECT 0 AS number, (t.end - t.start) / 3600 AS slots FROM today t
    UNION ALL
    SELECT number + 1, slots FROM slot WHERE number + 1 < slots
),
sample AS (
    SELECT d.day, d.start, d.end FROM today t JOIN local_day d ON d.day IN (t.day, t.day - 7, t.day - 14, t.day - 21, t.day - 28)
),
running AS (
    SELECT sample.day, slot.number,
           sum(coalesce((SELECT sum(c.cost) FROM coverage_hour c WHERE c.hour = sample.start / 3600 * 3600 + slot.number * 3600), 0))
               OVER (PARTITION BY sample.day ORDER BY slot.number) AS cost
    FROM sample CROSS JOIN slot
),
ranked AS (
    SELECT r.number, r.cost, row_number() OVER (PARTITION BY r.number ORDER BY r.cost) AS place,
           count(*) OVER (PARTITION BY r.number) AS samples
    FROM running r CROSS JOIN today t
    WHERE r.day < t.day
),
usual AS (
    SELECT number, avg(cost) AS cost FROM ranked
    WHERE samples >= 2 AND place IN ((samples + 1) / 2, samples / 2 + 1) GROUP BY 1
)
SELECT
    date(t.day * 86400, 'unixepoch') AS day,
    t.start / 3600 * 3600 + r.number * 3600 AS hour_epoch,
    datetime(t.start / 3600 * 3600 + r.number * 3600, 'unixepoch') AS hour_at,
    r.number AS hour_of_day,
    iif(t.start / 3600 * 3600 + r.number * 3600 < t.walked_to, r.cost / 1e9, NULL) AS cost_usd,
    u.cost / 1e9 AS usual_cost_usd
FROM today t
JOIN running r ON r.day = t.day
LEFT JOIN usual u ON u.number = r.number;

-- The book as the last rollup left it: one row. Coverage is of the due hours of the last 26, all scopes. The forecast
-- is the month so far, and for its rest the average day of the last four weeks; none with fewer than 3 days known.
CREATE VIEW ledger_now AS
WITH
book AS (
    SELECT max(CAST(value AS INTEGER)) FILTER (WHERE key = 'rolled_up_at') AS as_of,
           max(CAST(value AS INTEGER)) FILTER (WHERE key = 'today') AS today,
           max(CAST(value AS INTEGER)) FILTER (WHERE key = 'month') AS month,
           max(CAST(value AS INTEGER)) FILTER (WHERE key = 'month_end') AS month_end,
           max(value) FILTER (WHERE key = 'timezone') AS timezone
    FROM meta
),
reach AS (
    SELECT min(last) AS walked_to
    FROM (SELECT max(end) AS last FROM walked WHERE walk = 1 GROUP BY scope_id)
),
due AS (
    SELECT count(*) AS hours, coalesce(sum(status = 'complete'), 0) AS complete
    FROM book b JOIN coverage_hour c ON c.hour >= b.as_of - 93600 AND c.hour < b.as_of AND c.status <> 'open'
),
day AS (
    SELECT sum(u.cost) AS cost FROM book b JOIN usage_day u ON u.day = b.today
),
month AS (
    SELECT sum(u.executions) AS executions, sum(u.unpriced) AS unpriced, sum(u.scanned_bytes) AS scanned_bytes,
           sum(u.billed_bytes) AS billed_bytes, sum(u.cost) AS cost,
           sum(u.cost) FILTER (WHERE u.principal_id = 0) AS unattributed
    FROM book b JOIN usage_month u ON u.month = b.month
),
recent AS (
    SELECT coalesce(sum(u.cost), 0) AS cost,
           (SELECT count(*) FROM book b JOIN local_day d ON d.day BETWEEN b.today - 28 AND b.today - 1) AS days
    FROM book b JOIN usage_day u ON u.day BETWEEN b.today - 28 AND b.today - 1
)
SELECT
    b.as_of AS as_of_epoch,
    datetime(b.as_of, 'unixepoch') AS as_of_at,
    b.timezone,
    r.walked_to AS walked_to_epoch,
    datetime(r.walked_to, 'unixepoch') AS walked_to_at,
    b.as_of - r.walked_to AS lag_seconds,
    due.hours AS due_hours,
    due.complete AS complete_hours,
    due.complete * 1.0 / nullif(due.hours, 0) AS coverage,
    date(b.today * 86400, 'unixepoch') AS today,
    coalesce(day.cost, 0) / 1e9 AS today_cost_usd,
    printf('%04d-%02d', b.month / 12, b.month % 12 + 1) AS month,
    coalesce(m.executions, 0) AS month_executions,
    coalesce(m.unpriced, 0) AS month_unpriced,
    coalesce(m.scanned_bytes, 0) AS month_scanned_bytes,
    coalesce(m.billed_bytes, 0) AS month_billed_bytes,
    coalesce(m.cost, 0) / 1e9 AS month_cost_usd,
    coalesce(m.unattributed, 0) / 1e9 AS month_unattributed_usd,
    iif(recent.days >= 3,
        (coalesce(m.cost, 0) + recent.cost * 1.0 * max(b.month_end - b.as_of, 0) / (86400.0 * recent.days)) / 1e9,
        NULL) AS month_forecast_usd
FROM book b, reach r, due, day, month m, recent
WHERE b.as_of IS NOT NULL;
