-- Vendors who sign up, releases that they publish, and what they tell their customers.

-- ── vendors ─────────────────────────────────────────────────────────────────────────────────────
-- 'unconfirmed' until the address is confirmed, then 'waiting' for the operator if the policy says so.
ALTER TABLE vendor ADD COLUMN state TEXT NOT NULL DEFAULT 'approved' CHECK (state IN ('unconfirmed', 'waiting', 'approved', 'refused'));
ALTER TABLE vendor ADD COLUMN organisation TEXT;
-- ISO 3166-1 alpha-2.
ALTER TABLE vendor ADD COLUMN country TEXT;
ALTER TABLE vendor ADD COLUMN vat_number TEXT;
-- Where mails to the vendor go.
ALTER TABLE vendor ADD COLUMN email TEXT;
ALTER TABLE vendor ADD COLUMN terms_version TEXT;
ALTER TABLE vendor ADD COLUMN terms_accepted_at INTEGER;
ALTER TABLE vendor ADD COLUMN payout_iban TEXT;
ALTER TABLE vendor ADD COLUMN payout_currency TEXT;
-- After a change of the payout details nothing is paid out before this.
ALTER TABLE vendor ADD COLUMN payouts_held_until INTEGER;

CREATE TABLE vendor_member (
    id           INTEGER PRIMARY KEY,
    vendor_name  TEXT NOT NULL REFERENCES vendor (name),
    email        TEXT NOT NULL,
    role         TEXT NOT NULL CHECK (role IN ('owner', 'developer', 'finance')),
    -- NULL until a code that was mailed there came back.
    confirmed_at INTEGER,
    created_at   INTEGER NOT NULL,
    UNIQUE (vendor_name, email)
) STRICT;
CREATE INDEX vendor_member_email ON vendor_member (email);

-- ed25519 keys that sign releases, as hexadecimal.
CREATE TABLE vendor_key (
    public_key  TEXT PRIMARY KEY,
    vendor_name TEXT NOT NULL REFERENCES vendor (name),
    title       TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    revoked_at  INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX vendor_key_vendor ON vendor_key (vendor_name);

-- One-time codes that were mailed.
CREATE TABLE mail_code (
    id         INTEGER PRIMARY KEY,
    -- 'sign_in', or 'confirm' and 'reauthenticate' with the vendor: 'confirm acme'.
    purpose    TEXT NOT NULL,
    email      TEXT NOT NULL,
    code_hash  TEXT NOT NULL,
    -- Keyed hash of the network that it was asked from.
    origin     TEXT NOT NULL,
    -- Wrong codes that were tried.
    attempts   INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;
CREATE INDEX mail_code_email ON mail_code (email, purpose, id);
CREATE INDEX mail_code_origin ON mail_code (origin, created_at);
CREATE INDEX mail_code_expiry ON mail_code (expires_at);

-- Signed-in browsers of vendors' members.
CREATE TABLE session (
    hash             TEXT PRIMARY KEY,
    email            TEXT NOT NULL,
    -- When a mailed code was last given.
    authenticated_at INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_expiry ON session (expires_at);

-- `iap login` waits here until somebody who is signed in says yes (RFC 8628).
CREATE TABLE device_login (
    device_hash TEXT PRIMARY KEY,
    user_code   TEXT NOT NULL UNIQUE,
    client      TEXT NOT NULL,
    -- As of mail_code.
    origin      TEXT NOT NULL,
    -- JSON list.
    scopes      TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'refused', 'taken')),
    member_id   INTEGER REFERENCES vendor_member (id),
    asked_at    INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX device_login_expiry ON device_login (expires_at);

CREATE TABLE new_token (
    id           INTEGER PRIMARY KEY,
    hash         TEXT NOT NULL UNIQUE,
    kind         TEXT NOT NULL CHECK (kind IN ('operator', 'database', 'account', 'vendor')),
    -- A database, an account, or a member of a vendor.
    subject      INTEGER,
    created_at   INTEGER NOT NULL,
    revoked_at   INTEGER,
    title        TEXT NOT NULL DEFAULT '',
    -- JSON list for a vendor's.
    scopes       TEXT NOT NULL DEFAULT '[]',
    expires_at   INTEGER
) STRICT;
INSERT INTO new_token (id, hash, kind, subject, created_at, revoked_at)
SELECT id, hash, kind, subject, created_at, revoked_at FROM token;
DROP TABLE token;
ALTER TABLE new_token RENAME TO token;
CREATE INDEX token_subject ON token (kind, subject);

-- ── services ────────────────────────────────────────────────────────────────────────────────────
-- Why the operator stopped it; NULL is active.
ALTER TABLE service ADD COLUMN suspended TEXT;
-- The vendor gave it up: nothing is sold from here on, and nothing is done from `ends_at` on.
ALTER TABLE service ADD COLUMN discontinued_at INTEGER;
ALTER TABLE service ADD COLUMN ends_at INTEGER;
-- When what was unused had been refunded.
ALTER TABLE service ADD COLUMN ended_at INTEGER;

-- What may change without a release, each change kept: the newest of a kind counts from `effective_at` on.
CREATE TABLE service_revision (
    id           INTEGER PRIMARY KEY,
    service_id   INTEGER NOT NULL REFERENCES service (id),
    kind         TEXT NOT NULL CHECK (kind IN ('packs', 'texts', 'icon', 'prices')),
    -- JSON; an icon is {"type", "base64"}.
    value        TEXT NOT NULL,
    author       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    effective_at INTEGER NOT NULL
) STRICT;
CREATE INDEX service_revision_service ON service_revision (service_id, kind, id);
CREATE TRIGGER service_revision_is_never_changed BEFORE UPDATE ON service_revision
BEGIN
    SELECT RAISE(ABORT, 'revisions are append-only');
END;

-- What a vendor or the operator set for a service on this host.
CREATE TABLE service_config (
    service_id INTEGER NOT NULL REFERENCES service (id),
    name       TEXT NOT NULL,
    value      TEXT NOT NULL,
    author     TEXT NOT NULL,
    set_at     INTEGER NOT NULL,
    PRIMARY KEY (service_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE service_secret (
    service_id INTEGER NOT NULL REFERENCES service (id),
    name       TEXT NOT NULL,
    -- AES-256-GCM under the key `key_id` of this host.
    sealed     BLOB NOT NULL,
    key_id     TEXT NOT NULL,
    author     TEXT NOT NULL,
    set_at     INTEGER NOT NULL,
    PRIMARY KEY (service_id, name)
) STRICT, WITHOUT ROWID;

-- ── releases ────────────────────────────────────────────────────────────────────────────────────
-- By content: what is here is never changed.
CREATE TABLE component (
    -- SHA-256 in hexadecimal.
    digest     TEXT PRIMARY KEY,
    bytes      BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER component_is_never_changed BEFORE UPDATE ON component
BEGIN
    SELECT RAISE(ABORT, 'components are never changed');
END;

-- 'embedded' came with the host's binary or settings, 'published' through the registry.
ALTER TABLE release ADD COLUMN source TEXT NOT NULL DEFAULT 'embedded' CHECK (source IN ('embedded', 'published'));
ALTER TABLE release ADD COLUMN state TEXT NOT NULL DEFAULT 'approved' CHECK (state IN ('submitted', 'approved', 'rejected', 'yanked', 'stopped'));
-- Its text files as JSON: the manifest is known without the code.
ALTER TABLE release ADD COLUMN files TEXT;
ALTER TABLE release ADD COLUMN size INTEGER;
-- Who signed its digest, and how; and the host's signature once it is approved.
ALTER TABLE release ADD COLUMN public_key TEXT REFERENCES vendor_key (public_key);
ALTER TABLE release ADD COLUMN signature BLOB;
ALTER TABLE release ADD COLUMN countersignature BLOB;
-- What was computed of it when it came, as JSON.
ALTER TABLE release ADD COLUMN report TEXT;
-- Percent of accounts that get it.
ALTER TABLE release ADD COLUMN rollout INTEGER NOT NULL DEFAULT 100 CHECK (rollout BETWEEN 0 AND 100);
-- Since when it has this state, and why.
ALTER TABLE release ADD COLUMN decided_at INTEGER;
ALTER TABLE release ADD COLUMN reason TEXT;
ALTER TABLE release ADD COLUMN author TEXT;
CREATE UNIQUE INDEX release_published ON release (service_id, version) WHERE source = 'published';
CREATE INDEX release_state ON release (state, id) WHERE source = 'published';
CREATE TRIGGER release_is_immutable BEFORE UPDATE OF service_id, version, digest, files, public_key, signature ON release
WHEN OLD.source = 'published'
BEGIN
    SELECT RAISE(ABORT, 'a release is never changed; publish a new version');
END;

-- What happened to services and releases.
CREATE TABLE catalog_event (
    id         INTEGER PRIMARY KEY,
    service_id INTEGER NOT NULL REFERENCES service (id),
    release_id INTEGER REFERENCES release (id),
    kind       TEXT NOT NULL,
    detail     TEXT NOT NULL DEFAULT '',
    author     TEXT NOT NULL,
    at         INTEGER NOT NULL
) STRICT;
CREATE INDEX catalog_event_service ON catalog_event (service_id, id);

-- Rises with every change that hosts must see.
CREATE TABLE catalog_version (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO catalog_version VALUES (1, 1);

-- How calls of a release ended, by minute.
CREATE TABLE release_health (
    release_id INTEGER NOT NULL REFERENCES release (id),
    -- Minutes since 1970-01-01.
    minute     INTEGER NOT NULL,
    calls      INTEGER NOT NULL,
    failures   INTEGER NOT NULL,
    PRIMARY KEY (release_id, minute)
) STRICT, WITHOUT ROWID;

-- What plugins logged.
CREATE TABLE plugin_log (
    id         INTEGER PRIMARY KEY,
    service_id INTEGER NOT NULL REFERENCES service (id),
    release_id INTEGER,
    call_id    TEXT NOT NULL,
    level      TEXT NOT NULL,
    message    TEXT NOT NULL,
    at         INTEGER NOT NULL
) STRICT;
CREATE INDEX plugin_log_service ON plugin_log (service_id, at, id);
CREATE INDEX plugin_log_at ON plugin_log (at);

-- ── accounts ────────────────────────────────────────────────────────────────────────────────────
-- The major version that its admin has agreed to; NULL until a release served it.
ALTER TABLE account ADD COLUMN major INTEGER;
-- A vendor's own account for trying its service: credits are play money.
ALTER TABLE account ADD COLUMN test INTEGER NOT NULL DEFAULT 0 CHECK (test IN (0, 1));
-- Whether its people were told that its balance is low; no more once it is not.
ALTER TABLE account ADD COLUMN warned INTEGER NOT NULL DEFAULT 0 CHECK (warned IN (0, 1));
CREATE INDEX account_warn_me ON account (id) WHERE warn_me = 1;

-- ── mail ────────────────────────────────────────────────────────────────────────────────────────
CREATE TABLE mail (
    id         INTEGER PRIMARY KEY,
    recipient  TEXT NOT NULL,
    subject    TEXT NOT NULL,
    body       TEXT NOT NULL,
    -- What it is about: 'confirm', 'release_approved', …
    kind       TEXT NOT NULL,
    -- The same mail is not put here twice.
    dedupe_key TEXT UNIQUE,
    state      TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'dead')),
    attempts   INTEGER NOT NULL DEFAULT 0,
    run_at     INTEGER NOT NULL,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    ended_at   INTEGER
) STRICT;
CREATE INDEX mail_due ON mail (run_at) WHERE state = 'waiting';
CREATE INDEX mail_ended ON mail (ended_at) WHERE state <> 'waiting';
CREATE INDEX mail_dead ON mail (id) WHERE state = 'dead';
