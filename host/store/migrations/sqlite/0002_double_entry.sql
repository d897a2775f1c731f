-- Double entry complete: money beside credits, parts of holds, spending caps, debts, vendors' balances,
-- totals of books and the hash chain over batches of postings.

-- ── hosts ───────────────────────────────────────────────────────────────────────────────────────
-- A host says now and then that it lives; what a silent one left running is taken over.
ALTER TABLE stream ADD COLUMN seen_at INTEGER NOT NULL DEFAULT 0;
-- Streams of before the hash chain have none.
ALTER TABLE stream ADD COLUMN chained INTEGER NOT NULL DEFAULT 1 CHECK (chained IN (0, 1));
UPDATE stream SET chained = 0;
-- Whether the database itself or the operator opened it, so that it is known to be of the database that it names.
ALTER TABLE account ADD COLUMN vouched INTEGER NOT NULL DEFAULT 0 CHECK (vouched IN (0, 1));
-- The stream of the host that runs a job; of a job that waits or has ended, of its last one.
ALTER TABLE job ADD COLUMN runner INTEGER;

-- ── balances ────────────────────────────────────────────────────────────────────────────────────
-- What a charged-back purchase left owing; nothing is spent until it is repaid.
ALTER TABLE balance ADD COLUMN debt INTEGER NOT NULL DEFAULT 0 CHECK (debt >= 0);
-- Why nothing at all may be posted, if so: what the self-check found.
ALTER TABLE balance ADD COLUMN stopped TEXT;

-- How much may be spent in a period; enforced with every authorization.
CREATE TABLE spending_cap (
    account_id   INTEGER NOT NULL REFERENCES account (id),
    -- '' is the whole account.
    company      TEXT NOT NULL DEFAULT '',
    period       TEXT NOT NULL CHECK (period IN ('day', 'month')),
    credits      INTEGER NOT NULL CHECK (credits >= 0),
    -- Credits held or spent in the period that began at `window_start`.
    used         INTEGER NOT NULL DEFAULT 0 CHECK (used >= 0),
    window_start INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, company, period)
) STRICT, WITHOUT ROWID;

-- ── grants ──────────────────────────────────────────────────────────────────────────────────────
CREATE TABLE new_credit_grant (
    id           INTEGER PRIMARY KEY,
    account_id   INTEGER NOT NULL REFERENCES account (id),
    kind         TEXT NOT NULL CHECK (kind IN ('trial', 'gift', 'refund', 'adjustment', 'purchase')),
    amount       INTEGER NOT NULL CHECK (amount > 0),
    available    INTEGER NOT NULL CHECK (available >= 0),
    held         INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
    consumed     INTEGER NOT NULL DEFAULT 0 CHECK (consumed >= 0),
    expired      INTEGER NOT NULL DEFAULT 0 CHECK (expired >= 0),
    refunded     INTEGER NOT NULL DEFAULT 0 CHECK (refunded >= 0),
    -- Taken back without money: by the operator, by a chargeback, for a debt.
    voided       INTEGER NOT NULL DEFAULT 0 CHECK (voided >= 0),
    -- Gone to another grant.
    transferred  INTEGER NOT NULL DEFAULT 0 CHECK (transferred >= 0),
    expires_at   INTEGER NOT NULL,
    -- Price without tax, in minor units of the currency.
    price        INTEGER CHECK (price >= 0),
    tax          INTEGER NOT NULL DEFAULT 0 CHECK (tax >= 0),
    currency     TEXT,
    -- Platform fee in basis points and who has what expires, as they were at the purchase.
    fee_bps      INTEGER NOT NULL DEFAULT 0 CHECK (fee_bps BETWEEN 0 AND 10000),
    breakage_to  TEXT NOT NULL DEFAULT 'host' CHECK (breakage_to IN ('vendor', 'host')),
    -- Of the price: what left deferred revenue, and of that what use and expiry earned and what was
    -- given back or went to other grants, and of the earned what is the vendor's.
    recognized   INTEGER NOT NULL DEFAULT 0 CHECK (recognized >= 0),
    earned       INTEGER NOT NULL DEFAULT 0 CHECK (earned >= 0),
    lapsed       INTEGER NOT NULL DEFAULT 0 CHECK (lapsed >= 0),
    returned     INTEGER NOT NULL DEFAULT 0 CHECK (returned >= 0),
    moved        INTEGER NOT NULL DEFAULT 0 CHECK (moved >= 0),
    vendor_due   INTEGER NOT NULL DEFAULT 0 CHECK (vendor_due >= 0),
    -- Of the tax: what went back.
    tax_returned INTEGER NOT NULL DEFAULT 0 CHECK (tax_returned BETWEEN 0 AND tax),
    charged_back INTEGER NOT NULL DEFAULT 0 CHECK (charged_back IN (0, 1)),
    -- The grant that it was a part of, if it came by a transfer or a refund.
    origin_id    INTEGER,
    reason       TEXT NOT NULL DEFAULT '',
    created_at   INTEGER NOT NULL,
    CHECK (amount = available + held + consumed + expired + refunded + voided + transferred),
    CHECK ((price IS NULL) = (currency IS NULL)),
    CHECK (recognized <= coalesce(price, 0)),
    CHECK (earned + lapsed + returned + moved <= recognized),
    CHECK (vendor_due <= earned + lapsed)
) STRICT;
INSERT INTO new_credit_grant (id, account_id, kind, amount, available, held, consumed, expired, refunded, expires_at, price, currency,
                              fee_bps, breakage_to, reason, created_at)
-- Shares were not written down before: purchases get the usual fee.
SELECT id, account_id, kind, amount, available, held, consumed, expired, refunded, expires_at, price, currency,
       CASE WHEN price IS NULL THEN 0 ELSE 2500 END, 'host', reason, created_at
FROM credit_grant;
DROP TABLE credit_grant;
ALTER TABLE new_credit_grant RENAME TO credit_grant;
CREATE INDEX credit_grant_open ON credit_grant (account_id) WHERE available > 0 OR held > 0;
CREATE INDEX credit_grant_account ON credit_grant (account_id, id);
CREATE INDEX credit_grant_expiry ON credit_grant (expires_at) WHERE available > 0 AND expires_at < 9223372036854775807;

-- A paid order names its grant before there is one: then SQLite looks for it here.
CREATE INDEX pack_order_grant ON pack_order (grant_id);

-- ── holds ───────────────────────────────────────────────────────────────────────────────────────
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
    state       TEXT NOT NULL CHECK (state IN ('live', 'unknown', 'captured', 'released', 'expired')),
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
CREATE INDEX posting_hold_while_migrating ON posting (hold_id);
INSERT INTO new_hold (id, account_id, call_id, entry_id, last_entry, amount, captured, state, parts, created_at, expires_at, ended_at)
SELECT h.id, h.account_id, h.call_id, h.entry_id, (SELECT max(p.entry_id) FROM posting p WHERE p.hold_id = h.id), h.amount, h.captured, h.state,
       (SELECT json_group_array(json_array(grant_id, aside, taken, 0)) FROM (
            SELECT p.grant_id, sum(CASE WHEN p.credit = 3 THEN p.amount ELSE 0 END) AS aside,
                   sum(CASE WHEN p.credit = 4 THEN p.amount ELSE 0 END) AS taken
            FROM posting p WHERE p.hold_id = h.id AND p.currency IS NULL GROUP BY p.grant_id
            ORDER BY min(CASE WHEN p.credit = 3 THEN p.n END))),
       h.created_at, h.expires_at, h.ended_at
FROM hold h;
DROP INDEX posting_hold_while_migrating;
DROP TABLE hold;
ALTER TABLE new_hold RENAME TO hold;
CREATE INDEX hold_live ON hold (expires_at) WHERE state IN ('live', 'unknown');
CREATE INDEX hold_call ON hold (call_id) WHERE call_id IS NOT NULL;
CREATE TRIGGER hold_ends_once BEFORE UPDATE ON hold WHEN OLD.state NOT IN ('live', 'unknown') AND NEW.state <> OLD.state
BEGIN
    SELECT RAISE(ABORT, 'a hold ends exactly once');
END;

-- ── postings ────────────────────────────────────────────────────────────────────────────────────
CREATE TABLE new_posting (
    entry_id   INTEGER NOT NULL,
    n          INTEGER NOT NULL,
    kind       INTEGER NOT NULL,
    -- Of an account, or of a vendor.
    account_id INTEGER REFERENCES account (id),
    vendor     TEXT REFERENCES vendor (name),
    -- No foreign key: while one is open, each new grant would look through all postings. The verifier stands in.
    grant_id   INTEGER,
    hold_id    INTEGER,
    -- NULL: credits of the account's service; else an ISO 4217 code.
    currency   TEXT,
    debit      INTEGER NOT NULL,
    credit     INTEGER NOT NULL,
    amount     INTEGER NOT NULL CHECK (amount > 0),
    at         INTEGER NOT NULL,
    -- The account's entry before this one.
    previous   INTEGER,
    PRIMARY KEY (entry_id, n),
    CHECK (debit <> credit),
    CHECK ((account_id IS NULL) = (vendor IS NOT NULL)),
    CHECK (account_id IS NOT NULL OR (grant_id IS NULL AND hold_id IS NULL AND currency IS NOT NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO new_posting (entry_id, n, kind, account_id, grant_id, hold_id, currency, debit, credit, amount, at, previous)
SELECT entry_id, n, kind, account_id, grant_id, hold_id, currency, debit, credit, amount, at, previous FROM posting;
DROP TABLE posting;
ALTER TABLE new_posting RENAME TO posting;
CREATE TRIGGER posting_is_never_changed BEFORE UPDATE ON posting
BEGIN
    SELECT RAISE(ABORT, 'postings are append-only');
END;
CREATE TRIGGER posting_is_never_deleted BEFORE DELETE ON posting
BEGIN
    SELECT RAISE(ABORT, 'postings are append-only');
END;

-- What was posted to each book on each day (UTC), by writer: a trial balance is a sum of few rows.
CREATE TABLE ledger_total (
    stream     INTEGER NOT NULL,
    -- Days since 1970-01-01.
    day        INTEGER NOT NULL,
    -- 0 and a vendor's name for postings of vendors; a service and '' for those of accounts.
    service_id INTEGER NOT NULL,
    vendor     TEXT NOT NULL,
    -- '' is credits.
    currency   TEXT NOT NULL,
    book       INTEGER NOT NULL,
    debits     INTEGER NOT NULL CHECK (debits >= 0),
    credits    INTEGER NOT NULL CHECK (credits >= 0),
    PRIMARY KEY (stream, day, service_id, vendor, currency, book)
) STRICT, WITHOUT ROWID;
INSERT INTO ledger_total
SELECT side.stream, side.day, side.service_id, '', side.currency, side.book, sum(side.debits), sum(side.credits)
FROM (SELECT p.entry_id >> 40 AS stream, p.at / 86400000 AS day, a.service_id, coalesce(p.currency, '') AS currency,
             p.debit AS book, p.amount AS debits, 0 AS credits FROM posting p JOIN account a ON a.id = p.account_id
      UNION ALL
      SELECT p.entry_id >> 40, p.at / 86400000, a.service_id, coalesce(p.currency, ''), p.credit, 0, p.amount
      FROM posting p JOIN account a ON a.id = p.account_id) side
GROUP BY 1, 2, 3, 5, 6;

-- ── tamper evidence ─────────────────────────────────────────────────────────────────────────────
-- Each commit of a writer is a batch; its hash covers its postings and the hash before.
CREATE TABLE posting_batch (
    stream        INTEGER NOT NULL,
    -- From 1, without gaps.
    number        INTEGER NOT NULL,
    -- Entries of the stream from here to there, in order, are its own.
    first_entry   INTEGER NOT NULL,
    last_entry    INTEGER NOT NULL,
    postings      INTEGER NOT NULL CHECK (postings > 0),
    at            INTEGER NOT NULL,
    previous_hash BLOB NOT NULL,
    hash          BLOB NOT NULL,
    PRIMARY KEY (stream, last_entry),
    CHECK (first_entry <= last_entry)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER posting_batch_is_never_changed BEFORE UPDATE ON posting_batch
BEGIN
    SELECT RAISE(ABORT, 'batches of postings are append-only');
END;
CREATE TRIGGER posting_batch_is_never_deleted BEFORE DELETE ON posting_batch
BEGIN
    SELECT RAISE(ABORT, 'batches of postings are append-only');
END;

-- Heads of chains, signed by the host's ed25519 key.
CREATE TABLE chain_head (
    stream     INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    hash       BLOB NOT NULL,
    public_key BLOB NOT NULL,
    signature  BLOB NOT NULL,
    signed_at  INTEGER NOT NULL,
    PRIMARY KEY (stream, number)
) STRICT, WITHOUT ROWID;

-- ── vendors ─────────────────────────────────────────────────────────────────────────────────────
-- The platform's part of what a vendor's service earns, from a moment on. Written down with each purchase.
CREATE TABLE revenue_share (
    vendor_name  TEXT NOT NULL REFERENCES vendor (name),
    -- '' is every service of the vendor that has no row of its own.
    service_name TEXT NOT NULL,
    from_at      INTEGER NOT NULL,
    fee_bps      INTEGER NOT NULL CHECK (fee_bps BETWEEN 0 AND 10000),
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (vendor_name, service_name, from_at)
) STRICT, WITHOUT ROWID;

CREATE TABLE vendor_balance (
    vendor_name  TEXT NOT NULL REFERENCES vendor (name),
    currency     TEXT NOT NULL,
    -- All that was ever made payable, and of that what was paid out.
    made_payable INTEGER NOT NULL DEFAULT 0 CHECK (made_payable >= 0),
    paid_out     INTEGER NOT NULL DEFAULT 0 CHECK (paid_out >= 0),
    version      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (vendor_name, currency),
    CHECK (paid_out <= made_payable)
) STRICT, WITHOUT ROWID;
