-- Sealed documents, fair queues of jobs, and deliveries of hooks that were answered: as in the migration of this name
-- for SQLite, which says what each column is.

-- ── documents ───────────────────────────────────────────────────────────────────────────────────
DROP TABLE blob;
CREATE TABLE blob (
    id           BIGINT CONSTRAINT "blob: id" PRIMARY KEY,
    service_id   BIGINT NOT NULL REFERENCES service (id),
    account_id   BIGINT REFERENCES account (id),
    content_type TEXT NOT NULL,
    size         BIGINT NOT NULL CHECK (size >= 0),
    salt         BYTEA NOT NULL,
    complete     BIGINT NOT NULL CHECK (complete IN (0, 1)),
    expires_at   BIGINT NOT NULL
);
CREATE INDEX blob_expiry ON blob (expires_at);

CREATE TABLE blob_chunk (
    blob_id BIGINT NOT NULL REFERENCES blob (id) ON DELETE CASCADE,
    number  BIGINT NOT NULL,
    sealed  BYTEA NOT NULL,
    CONSTRAINT "blob_chunk: blob_id, number" PRIMARY KEY (blob_id, number)
);
-- Sealed bytes cannot be compressed.
ALTER TABLE blob_chunk ALTER COLUMN sealed SET STORAGE EXTERNAL;

CREATE TABLE blob_usage (
    service_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    bytes      BIGINT NOT NULL CHECK (bytes >= 0),
    CONSTRAINT "blob_usage: service_id, account_id" PRIMARY KEY (service_id, account_id)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
-- The service's row first: writers meet there, and nowhere else.
CREATE FUNCTION iap_blob_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO blob_usage VALUES (NEW.service_id, 0, NEW.size)
    ON CONFLICT (service_id, account_id) DO UPDATE SET bytes = blob_usage.bytes + excluded.bytes;
    INSERT INTO blob_usage VALUES (NEW.service_id, coalesce(NEW.account_id, -1), NEW.size)
    ON CONFLICT (service_id, account_id) DO UPDATE SET bytes = blob_usage.bytes + excluded.bytes;
    RETURN NULL;
END $$;
CREATE FUNCTION iap_blob_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE blob_usage SET bytes = bytes - OLD.size WHERE service_id = OLD.service_id AND account_id = 0;
    UPDATE blob_usage SET bytes = bytes - OLD.size
    WHERE service_id = OLD.service_id AND account_id = coalesce(OLD.account_id, -1);
    DELETE FROM blob_usage
    WHERE service_id = OLD.service_id AND account_id = coalesce(OLD.account_id, -1) AND bytes = 0;
    RETURN NULL;
END $$;
CREATE TRIGGER blob_added AFTER INSERT ON blob FOR EACH ROW EXECUTE FUNCTION iap_blob_added();
CREATE TRIGGER blob_removed AFTER DELETE ON blob FOR EACH ROW EXECUTE FUNCTION iap_blob_removed();

-- ── jobs ────────────────────────────────────────────────────────────────────────────────────────
ALTER TABLE job ADD COLUMN queue BIGINT NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN depth BIGINT NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN ended_at BIGINT;
UPDATE job SET queue = coalesce(account_id, -service_id);
UPDATE job SET ended_at = created_at WHERE state IN ('done', 'dead');
CREATE INDEX job_queued ON job (queue, run_at) WHERE state = 'waiting';
CREATE INDEX job_dead ON job (id) WHERE state = 'dead';
DROP INDEX job_ended;
CREATE INDEX job_ended ON job (state, ended_at) WHERE state IN ('done', 'dead');

CREATE TABLE job_queue (
    queue     BIGINT CONSTRAINT "job_queue: queue" PRIMARY KEY,
    next_at   BIGINT NOT NULL,
    served_at BIGINT NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX job_queue_next ON job_queue (next_at);
INSERT INTO job_queue SELECT queue, min(run_at), 0 FROM job WHERE state = 'waiting' GROUP BY queue;
-- Keeps the queue's row from being deleted until the job is there to be seen, which bothers neither others who enqueue nor
-- who claims, and changes it only where its turn comes earlier than it knew. A claim that does not see a job that is
-- being enqueued may put the turn off: that is found when queues are looked through for forgotten jobs.
CREATE FUNCTION iap_job_waits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM job_queue WHERE queue = NEW.queue FOR KEY SHARE;
    IF FOUND THEN
        UPDATE job_queue SET next_at = NEW.run_at WHERE queue = NEW.queue AND next_at > NEW.run_at;
    ELSE
        INSERT INTO job_queue VALUES (NEW.queue, NEW.run_at, 0)
        ON CONFLICT (queue) DO UPDATE SET next_at = least(job_queue.next_at, excluded.next_at);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER job_added AFTER INSERT ON job FOR EACH ROW WHEN (NEW.state = 'waiting')
    EXECUTE FUNCTION iap_job_waits();
CREATE TRIGGER job_waits AFTER UPDATE OF state, run_at ON job FOR EACH ROW WHEN (NEW.state = 'waiting')
    EXECUTE FUNCTION iap_job_waits();

-- ── hooks ───────────────────────────────────────────────────────────────────────────────────────
CREATE TABLE hook_delivery (
    digest     TEXT COLLATE "C" CONSTRAINT "hook_delivery: digest" PRIMARY KEY,
    service_id BIGINT NOT NULL REFERENCES service (id),
    status     BIGINT NOT NULL,
    headers    TEXT NOT NULL,
    body       BYTEA NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX hook_delivery_expiry ON hook_delivery (expires_at);
