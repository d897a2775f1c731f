-- The first schema. Amounts of credits are micro-credits, of money minor units; times are Unix
-- milliseconds; 9223372036854775807 is "never". Ids are (stream << 40 | number), see `stream`.

-- One row for each start of a host: whoever writes has ids of its own without asking anybody.
CREATE TABLE stream (
    id         INTEGER PRIMARY KEY,
    started_at INTEGER NOT NULL
) STRICT;

-- ── who sells, what, to whom ────────────────────────────────────────────────────────────────────
CREATE TABLE vendor (
    name       TEXT PRIMARY KEY,
    title      TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('first_party', 'third_party')),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE service (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    title       TEXT NOT NULL,
    vendor_name TEXT NOT NULL REFERENCES vendor (name),
    -- 'plugin' runs in the sandbox; 'remote' is a provider that draws credits by /iap/1/authorize.
    kind        TEXT NOT NULL CHECK (kind IN ('plugin', 'remote')),
    unit        TEXT NOT NULL,
    -- Packs of a remote service, as JSON; those of a plugin are in its release.
    packs       TEXT NOT NULL DEFAULT '[]',
    -- SHA-256 of a remote provider's service key.
    key_hash    TEXT UNIQUE,
    created_at  INTEGER NOT NULL,
    CHECK ((kind = 'remote') = (key_hash IS NOT NULL))
) STRICT;

CREATE TABLE release (
    id         INTEGER PRIMARY KEY,
    service_id INTEGER NOT NULL REFERENCES service (id),
    version    TEXT NOT NULL,
    digest     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (service_id, digest)
) STRICT;

CREATE TABLE database (
    id                 INTEGER PRIMARY KEY,
    dbuuid             TEXT NOT NULL UNIQUE,
    hosting            TEXT NOT NULL CHECK (hosting IN ('odoo_online', 'odoo_sh', 'on_premise', 'undeclared')),
    edition            TEXT NOT NULL CHECK (edition IN ('community', 'enterprise', 'unknown')),
    subscription_valid INTEGER NOT NULL CHECK (subscription_valid IN (0, 1)),
    purpose            TEXT NOT NULL,
    country            TEXT,
    base_url           TEXT,
    first_seen_at      INTEGER NOT NULL,
    -- NULL: seen, not declared by the operator.
    declared_at        INTEGER
) STRICT;

-- Bearer tokens of the REST API; shown once, kept as SHA-256.
CREATE TABLE token (
    id         INTEGER PRIMARY KEY,
    hash       TEXT NOT NULL UNIQUE,
    kind       TEXT NOT NULL CHECK (kind IN ('operator', 'database', 'account')),
    subject    INTEGER,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

-- ── accounts ────────────────────────────────────────────────────────────────────────────────────
CREATE TABLE account (
    id                INTEGER PRIMARY KEY,
    service_id        INTEGER NOT NULL REFERENCES service (id),
    -- Where it is at home; NULL until a request names a database.
    database_id       INTEGER REFERENCES database (id),
    -- HMAC-SHA-256 of the token: the look-up key. No plain token is stored.
    token_mac         TEXT NOT NULL,
    -- SHA-1 of the token: what Odoo 19 puts into buy-page URLs.
    token_sha1        TEXT NOT NULL,
    -- Companies it is restricted to, as a JSON list; NULL is common to all.
    companies         TEXT,
    enabled           INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    version_requirement TEXT NOT NULL DEFAULT '^current',
    warn_me           INTEGER NOT NULL DEFAULT 0 CHECK (warn_me IN (0, 1)),
    warning_threshold INTEGER NOT NULL DEFAULT 0 CHECK (warning_threshold >= 0),
    -- [{"email", "lang_code"}]
    warning_emails    TEXT NOT NULL DEFAULT '[]',
    created_at        INTEGER NOT NULL,
    UNIQUE (service_id, token_mac)
) STRICT;
CREATE INDEX account_sha1 ON account (token_sha1);
CREATE INDEX account_mac ON account (token_mac);
CREATE INDEX account_database_id ON account (database_id);

-- Databases that showed a token that is at home elsewhere.
CREATE TABLE account_database (
    account_id  INTEGER NOT NULL REFERENCES account (id),
    database_id INTEGER NOT NULL REFERENCES database (id),
    decision    TEXT NOT NULL CHECK (decision IN ('seen_elsewhere', 'shared', 'refused')),
    seen_at     INTEGER NOT NULL,
    PRIMARY KEY (account_id, database_id)
) STRICT, WITHOUT ROWID;

-- Origins that an account's calls gave as webhook or referrer: where callbacks may go.
CREATE TABLE account_origin (
    account_id INTEGER NOT NULL REFERENCES account (id),
    origin     TEXT NOT NULL,
    seen_at    INTEGER NOT NULL,
    PRIMARY KEY (account_id, origin)
) STRICT, WITHOUT ROWID;

-- ── ledger ──────────────────────────────────────────────────────────────────────────────────────
-- The hot part of an account, written only by the posting path.
CREATE TABLE balance (
    account_id INTEGER PRIMARY KEY REFERENCES account (id),
    available  INTEGER NOT NULL DEFAULT 0 CHECK (available >= 0),
    held       INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
    -- Why nothing may be spent; NULL is active.
    suspended  TEXT,
    version    INTEGER NOT NULL DEFAULT 0,
    -- Newest entry of the account; its postings name the one before.
    last_entry INTEGER
) STRICT;

CREATE TABLE credit_grant (
    id         INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES account (id),
    kind       TEXT NOT NULL CHECK (kind IN ('trial', 'gift', 'refund', 'purchase')),
    amount     INTEGER NOT NULL CHECK (amount > 0),
    available  INTEGER NOT NULL CHECK (available >= 0),
    held       INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
    consumed   INTEGER NOT NULL DEFAULT 0 CHECK (consumed >= 0),
    expired    INTEGER NOT NULL DEFAULT 0 CHECK (expired >= 0),
    refunded   INTEGER NOT NULL DEFAULT 0 CHECK (refunded >= 0),
    expires_at INTEGER NOT NULL,
    price      INTEGER CHECK (price >= 0),
    currency   TEXT,
    reason     TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    CHECK (amount = available + held + consumed + expired + refunded),
    CHECK ((price IS NULL) = (currency IS NULL))
) STRICT;
CREATE INDEX credit_grant_open ON credit_grant (account_id) WHERE available > 0 OR held > 0;
CREATE INDEX credit_grant_account ON credit_grant (account_id, id);
CREATE INDEX credit_grant_expiry ON credit_grant (expires_at) WHERE available > 0 AND expires_at < 9223372036854775807;

CREATE TABLE hold (
    id          INTEGER PRIMARY KEY,
    account_id  INTEGER NOT NULL REFERENCES account (id),
    call_id     INTEGER REFERENCES call (id) DEFERRABLE INITIALLY DEFERRED,
    -- The entry that authorized it: its postings are the allocation to grants.
    entry_id    INTEGER NOT NULL,
    amount      INTEGER NOT NULL CHECK (amount > 0),
    captured    INTEGER NOT NULL DEFAULT 0,
    state       TEXT NOT NULL CHECK (state IN ('live', 'captured', 'released', 'expired')),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    CHECK (captured BETWEEN 0 AND amount),
    CHECK ((state = 'live') = (ended_at IS NULL)),
    CHECK (state = 'captured' OR captured = 0)
) STRICT;
CREATE INDEX hold_live ON hold (expires_at) WHERE state = 'live';
CREATE INDEX hold_live_call ON hold (call_id) WHERE state = 'live';
CREATE TRIGGER hold_ends_once BEFORE UPDATE ON hold WHEN OLD.state <> 'live'
BEGIN
    SELECT RAISE(ABORT, 'a hold ends exactly once');
END;

-- Append-only. Balanced by construction: what leaves `debit` arrives in `credit`.
CREATE TABLE posting (
    entry_id   INTEGER NOT NULL,
    n          INTEGER NOT NULL,
    kind       INTEGER NOT NULL,
    account_id INTEGER NOT NULL REFERENCES account (id),
    grant_id   INTEGER NOT NULL REFERENCES credit_grant (id) DEFERRABLE INITIALLY DEFERRED,
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
    CHECK (debit <> credit)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER posting_is_never_changed BEFORE UPDATE ON posting
BEGIN
    SELECT RAISE(ABORT, 'postings are append-only');
END;
CREATE TRIGGER posting_is_never_deleted BEFORE DELETE ON posting
BEGIN
    SELECT RAISE(ABORT, 'postings are append-only');
END;

-- ── calls and what makes them repeatable ────────────────────────────────────────────────────────
CREATE TABLE call (
    id              INTEGER PRIMARY KEY,
    account_id      INTEGER NOT NULL REFERENCES account (id),
    release_id      INTEGER REFERENCES release (id),
    operation       TEXT NOT NULL,
    -- 'odoo', 'rest', 'job' or 'remote'.
    door            TEXT NOT NULL,
    company         TEXT,
    -- 'running', 'queued' (a kept hold lives on), 'captured', 'partial', 'released', 'answered' (no
    -- charge) or 'failed'.
    state           TEXT NOT NULL,
    -- Priced lines as JSON; once captured, those captured.
    lines           TEXT NOT NULL DEFAULT '[]',
    credits         INTEGER NOT NULL DEFAULT 0,
    description     TEXT NOT NULL DEFAULT '',
    provider_reference TEXT,
    provider_cost   TEXT,
    -- How it ended, in words, where it did not end well.
    problem         TEXT,
    idempotency_key TEXT,
    -- {field: SHA-256 of its value}: what a repeat is compared with.
    fingerprint     TEXT,
    output          BLOB,
    started_at      INTEGER NOT NULL,
    ended_at        INTEGER
) STRICT;
CREATE INDEX call_account ON call (account_id, id);
CREATE UNIQUE INDEX call_idempotency ON call (account_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX call_running ON call (id) WHERE state = 'running';

CREATE TABLE natural_key (
    account_id INTEGER NOT NULL REFERENCES account (id),
    key        TEXT NOT NULL,
    call_id    INTEGER NOT NULL,
    -- NULL while the call runs.
    answer     BLOB,
    -- 1: what to say until the job of a kept hold has answered for good.
    provisional INTEGER NOT NULL DEFAULT 0 CHECK (provisional IN (0, 1)),
    -- A claim without answer may be taken over after this; an answer is forgotten after it.
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX natural_key_open ON natural_key (call_id) WHERE answer IS NULL OR provisional = 1;
CREATE INDEX natural_key_expiry ON natural_key (expires_at);

-- Answers of REST commands (grants, orders, …) by idempotency key.
CREATE TABLE idempotency (
    scope       TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status      INTEGER NOT NULL,
    answer      TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE trial (
    service_id  INTEGER NOT NULL REFERENCES service (id),
    database_id INTEGER NOT NULL REFERENCES database (id),
    grant_id    INTEGER NOT NULL,
    PRIMARY KEY (service_id, database_id)
) STRICT, WITHOUT ROWID;

-- ── what plugins keep ───────────────────────────────────────────────────────────────────────────
CREATE TABLE store_value (
    service_id  INTEGER NOT NULL REFERENCES service (id),
    -- 0: shared by all databases of the service.
    database_id INTEGER NOT NULL,
    key         TEXT NOT NULL,
    value       BLOB NOT NULL,
    expires_at  INTEGER NOT NULL,
    PRIMARY KEY (service_id, database_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX store_value_expiry ON store_value (expires_at) WHERE expires_at < 9223372036854775807;
-- Bytes used, kept by triggers so that a quota is one look-up.
CREATE TABLE store_usage (
    service_id  INTEGER NOT NULL,
    database_id INTEGER NOT NULL,
    bytes       INTEGER NOT NULL CHECK (bytes >= 0),
    PRIMARY KEY (service_id, database_id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER store_value_added AFTER INSERT ON store_value
BEGIN
    INSERT INTO store_usage VALUES (NEW.service_id, NEW.database_id, length(NEW.key) + length(NEW.value))
    ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER store_value_changed AFTER UPDATE OF value ON store_value
BEGIN
    UPDATE store_usage SET bytes = bytes + length(NEW.value) - length(OLD.value)
    WHERE service_id = NEW.service_id AND database_id = NEW.database_id;
END;
CREATE TRIGGER store_value_removed AFTER DELETE ON store_value
BEGIN
    UPDATE store_usage SET bytes = bytes - length(OLD.key) - length(OLD.value)
    WHERE service_id = OLD.service_id AND database_id = OLD.database_id;
END;

CREATE TABLE blob (
    id           INTEGER PRIMARY KEY,
    service_id   INTEGER NOT NULL REFERENCES service (id),
    account_id   INTEGER REFERENCES account (id),
    content_type TEXT NOT NULL,
    bytes        BLOB NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX blob_expiry ON blob (expires_at);
CREATE INDEX blob_service ON blob (service_id);

-- ── work after an answer ────────────────────────────────────────────────────────────────────────
CREATE TABLE job (
    id           INTEGER PRIMARY KEY,
    -- 'plugin' runs a plugin's job; 'callback' posts to a database.
    kind         TEXT NOT NULL CHECK (kind IN ('plugin', 'callback')),
    service_id   INTEGER NOT NULL REFERENCES service (id),
    -- NULL: enqueued by a hook, for no account.
    account_id   INTEGER REFERENCES account (id),
    call_id      INTEGER,
    name         TEXT NOT NULL,
    payload      BLOB NOT NULL,
    -- What the run may do: the hold it resumes, or 1 for the mark of a free operation.
    hold_id      INTEGER,
    free         INTEGER NOT NULL DEFAULT 0 CHECK (free IN (0, 1)),
    -- Properties of the call that enqueued it, as JSON.
    context      TEXT NOT NULL,
    dedupe_key   TEXT,
    order_key    TEXT,
    state        TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'dead')),
    run_at       INTEGER NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    leased_until INTEGER,
    last_error   TEXT,
    created_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX job_due ON job (run_at) WHERE state = 'waiting';
CREATE INDEX job_ended ON job (created_at) WHERE state IN ('done', 'dead');
CREATE INDEX job_leased ON job (leased_until) WHERE state = 'running';
CREATE UNIQUE INDEX job_dedupe ON job (service_id, coalesce(account_id, 0), dedupe_key)
    WHERE dedupe_key IS NOT NULL AND state IN ('waiting', 'running');
CREATE INDEX job_order ON job (account_id, order_key, id)
    WHERE order_key IS NOT NULL AND state IN ('waiting', 'running');

-- ── buying ──────────────────────────────────────────────────────────────────────────────────────
CREATE TABLE pack_order (
    id           INTEGER PRIMARY KEY,
    account_id   INTEGER NOT NULL REFERENCES account (id),
    pack         TEXT NOT NULL,
    credits      INTEGER NOT NULL CHECK (credits > 0),
    price        INTEGER NOT NULL CHECK (price > 0),
    currency     TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('created', 'open', 'paid', 'failed')),
    provider_ref TEXT UNIQUE,
    grant_id     INTEGER REFERENCES credit_grant (id) DEFERRABLE INITIALLY DEFERRED,
    created_at   INTEGER NOT NULL,
    paid_at      INTEGER,
    CHECK ((state = 'paid') = (grant_id IS NOT NULL))
) STRICT;
CREATE INDEX pack_order_account ON pack_order (account_id, id);

-- Events of the card processor, each applied once.
CREATE TABLE payment_event (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    received_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
