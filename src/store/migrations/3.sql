CREATE INDEX event_read_at ON event (at) WHERE name <> 1;
CREATE INDEX execution_principal ON execution (principal_id, submitted);
CREATE INDEX execution_query ON execution (query_id, submitted);

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

-- Built from what is there: every day again.
INSERT OR IGNORE INTO touched SELECT DISTINCT scope_id, submitted / 3600 * 3600 FROM execution WHERE submitted IS NOT NULL;
