-- Sealed documents, fair queues of jobs, and deliveries of hooks that were answered.

-- ── documents ───────────────────────────────────────────────────────────────────────────────────
-- Documents live for a day or so: those that were stored in the clear are not carried over.
DROP TABLE blob;
CREATE TABLE blob (
    id           INTEGER PRIMARY KEY,
    service_id   INTEGER NOT NULL REFERENCES service (id),
    account_id   INTEGER REFERENCES account (id),
    content_type TEXT NOT NULL,
    -- Bytes in the clear.
    size         INTEGER NOT NULL CHECK (size >= 0),
    -- Its key is derived from the host's key, this, its id and its size.
    salt         BLOB NOT NULL,
    -- 0: its bytes are still being stored.
    complete     INTEGER NOT NULL CHECK (complete IN (0, 1)),
    expires_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX blob_expiry ON blob (expires_at);

CREATE TABLE blob_chunk (
    blob_id INTEGER NOT NULL REFERENCES blob (id) ON DELETE CASCADE,
    number  INTEGER NOT NULL,
    sealed  BLOB NOT NULL,
    PRIMARY KEY (blob_id, number)
) STRICT;

-- Bytes of a service's documents: of each account (-1: of nobody) and, with account 0, of all.
CREATE TABLE blob_usage (
    service_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    bytes      INTEGER NOT NULL CHECK (bytes >= 0),
    PRIMARY KEY (service_id, account_id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER blob_added AFTER INSERT ON blob BEGIN
    INSERT INTO blob_usage VALUES (NEW.service_id, 0, NEW.size)
    ON CONFLICT (service_id, account_id) DO UPDATE SET bytes = bytes + excluded.bytes;
    INSERT INTO blob_usage VALUES (NEW.service_id, coalesce(NEW.account_id, -1), NEW.size)
    ON CONFLICT (service_id, account_id) DO UPDATE SET bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER blob_removed AFTER DELETE ON blob BEGIN
    UPDATE blob_usage SET bytes = bytes - OLD.size
    WHERE service_id = OLD.service_id AND account_id IN (0, coalesce(OLD.account_id, -1));
    DELETE FROM blob_usage
    WHERE service_id = OLD.service_id AND account_id = coalesce(OLD.account_id, -1) AND bytes = 0;
END;

-- ── jobs ────────────────────────────────────────────────────────────────────────────────────────
-- Whose turn it takes: the account, or the service (below zero) for jobs of nobody.
ALTER TABLE job ADD COLUMN queue INTEGER NOT NULL DEFAULT 0;
-- Jobs before it, each enqueued by the one before without a pause.
ALTER TABLE job ADD COLUMN depth INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN ended_at INTEGER;
UPDATE job SET queue = coalesce(account_id, -service_id);
UPDATE job SET ended_at = created_at WHERE state IN ('done', 'dead');
CREATE INDEX job_queued ON job (queue, run_at) WHERE state = 'waiting';
CREATE INDEX job_dead ON job (id) WHERE state = 'dead';
DROP INDEX job_ended;
CREATE INDEX job_ended ON job (state, ended_at) WHERE state IN ('done', 'dead');

-- Who has waiting jobs: looked at from `next_at` on, those served longest ago first.
CREATE TABLE job_queue (
    queue     INTEGER PRIMARY KEY,
    next_at   INTEGER NOT NULL,
    served_at INTEGER NOT NULL
) STRICT;
CREATE INDEX job_queue_next ON job_queue (next_at);
INSERT INTO job_queue SELECT queue, min(run_at), 0 FROM job WHERE state = 'waiting' GROUP BY queue;
CREATE TRIGGER job_added AFTER INSERT ON job WHEN NEW.state = 'waiting' BEGIN
    INSERT INTO job_queue VALUES (NEW.queue, NEW.run_at, 0)
    ON CONFLICT (queue) DO UPDATE SET next_at = excluded.next_at WHERE next_at > excluded.next_at;
END;
CREATE TRIGGER job_waits AFTER UPDATE OF state, run_at ON job WHEN NEW.state = 'waiting' BEGIN
    INSERT INTO job_queue VALUES (NEW.queue, NEW.run_at, 0)
    ON CONFLICT (queue) DO UPDATE SET next_at = excluded.next_at WHERE next_at > excluded.next_at;
END;

-- ── hooks ───────────────────────────────────────────────────────────────────────────────────────
-- Deliveries that were answered well: the same again gets the same answer.
CREATE TABLE hook_delivery (
    -- SHA-256 of what came.
    digest     TEXT PRIMARY KEY,
    service_id INTEGER NOT NULL REFERENCES service (id),
    status     INTEGER NOT NULL,
    -- `[[name, value], …]` as JSON.
    headers    TEXT NOT NULL,
    body       BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX hook_delivery_expiry ON hook_delivery (expires_at);
