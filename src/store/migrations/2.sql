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

-- Executions from before the ledger are in no usage row on purpose.
DROP VIEW adjustment_hourly;
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
