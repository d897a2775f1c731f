-- Holds, laid anew with the same rows: SQLite makes a table of its own for each check against a list of more than two
-- words, every time that a row is written; comparing them one by one costs a third of it.
CREATE TABLE new_hold (
    id          INTEGER PRIMARY KEY,
    account_id  INTEGER NOT NULL REFERENCES account (id),
    call_id     INTEGER REFERENCES call (id) DEFERRABLE INITIALLY DEFERRED,
    -- For which company, if said: what its spending caps count.
    company     TEXT,
    -- The entry that authorized it and the last one that took of it, ended it or gave back.
    entry_id    INTEGER NOT NULL,
    last_entry  INTEGER NOT NULL,
    amount      INTEGER NOT NULL CHECK (amount > 0),
    captured    INTEGER NOT NULL DEFAULT 0,
    refunded    INTEGER NOT NULL DEFAULT 0,
    -- 'unknown' is live too: its plugin is asked what became of it.
    state       TEXT NOT NULL
                CHECK (state = 'live' OR state = 'unknown' OR state = 'captured' OR state = 'released' OR state = 'expired'),
    -- [[grant, set aside, captured, refunded], …] in burn order.
    parts       TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    CHECK (captured BETWEEN 0 AND amount),
    CHECK (refunded BETWEEN 0 AND captured),
    CHECK ((state IN ('live', 'unknown')) = (ended_at IS NULL)),
    CHECK (state NOT IN ('released', 'expired') OR captured = 0)
) STRICT;
INSERT INTO new_hold (id, account_id, call_id, company, entry_id, last_entry, amount, captured, refunded, state, parts, created_at, expires_at,
                      ended_at)
SELECT id, account_id, call_id, company, entry_id, last_entry, amount, captured, refunded, state, parts, created_at, expires_at, ended_at
FROM hold;
DROP TABLE hold;
ALTER TABLE new_hold RENAME TO hold;
CREATE INDEX hold_live ON hold (expires_at) WHERE state IN ('live', 'unknown');
CREATE INDEX hold_call ON hold (call_id) WHERE call_id IS NOT NULL;
CREATE TRIGGER hold_ends_once BEFORE UPDATE ON hold WHEN OLD.state NOT IN ('live', 'unknown') AND NEW.state <> OLD.state
BEGIN
    SELECT RAISE(ABORT, 'a hold ends exactly once');
END;
