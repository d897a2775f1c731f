-- Vendors who sign up, releases that they publish, and what they tell their customers: as in the migration of this name
-- for SQLite, which says what each column is.

-- ── vendors ─────────────────────────────────────────────────────────────────────────────────────
ALTER TABLE vendor ADD COLUMN state TEXT NOT NULL DEFAULT 'approved' CHECK (state IN ('unconfirmed', 'waiting', 'approved', 'refused'));
ALTER TABLE vendor ADD COLUMN organisation TEXT;
ALTER TABLE vendor ADD COLUMN country TEXT;
ALTER TABLE vendor ADD COLUMN vat_number TEXT;
ALTER TABLE vendor ADD COLUMN email TEXT;
ALTER TABLE vendor ADD COLUMN terms_version TEXT;
ALTER TABLE vendor ADD COLUMN terms_accepted_at BIGINT;
ALTER TABLE vendor ADD COLUMN payout_iban TEXT;
ALTER TABLE vendor ADD COLUMN payout_currency TEXT;
ALTER TABLE vendor ADD COLUMN payouts_held_until BIGINT;

CREATE TABLE vendor_member (
    id           BIGINT CONSTRAINT "vendor_member: id" PRIMARY KEY,
    vendor_name  TEXT NOT NULL REFERENCES vendor (name),
    email        TEXT NOT NULL,
    role         TEXT NOT NULL CHECK (role IN ('owner', 'developer', 'finance')),
    confirmed_at BIGINT,
    created_at   BIGINT NOT NULL,
    CONSTRAINT "vendor_member: vendor_name, email" UNIQUE (vendor_name, email)
);
CREATE INDEX vendor_member_email ON vendor_member (email);

CREATE TABLE vendor_key (
    public_key  TEXT CONSTRAINT "vendor_key: public_key" PRIMARY KEY,
    vendor_name TEXT NOT NULL REFERENCES vendor (name),
    title       TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    revoked_at  BIGINT
);
CREATE INDEX vendor_key_vendor ON vendor_key (vendor_name);

CREATE TABLE mail_code (
    id         BIGINT CONSTRAINT "mail_code: id" PRIMARY KEY,
    purpose    TEXT NOT NULL,
    email      TEXT NOT NULL,
    code_hash  TEXT NOT NULL,
    origin     TEXT NOT NULL,
    attempts   BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);
CREATE INDEX mail_code_email ON mail_code (email, purpose, id);
CREATE INDEX mail_code_origin ON mail_code (origin, created_at);
CREATE INDEX mail_code_expiry ON mail_code (expires_at);

CREATE TABLE session (
    hash             TEXT CONSTRAINT "session: hash" PRIMARY KEY,
    email            TEXT NOT NULL,
    authenticated_at BIGINT NOT NULL,
    created_at       BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL
);
CREATE INDEX session_expiry ON session (expires_at);

CREATE TABLE device_login (
    device_hash TEXT CONSTRAINT "device_login: device_hash" PRIMARY KEY,
    user_code   TEXT NOT NULL CONSTRAINT "device_login: user_code" UNIQUE,
    client      TEXT NOT NULL,
    origin      TEXT NOT NULL,
    scopes      TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'refused', 'taken')),
    member_id   BIGINT REFERENCES vendor_member (id),
    asked_at    BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL
);
CREATE INDEX device_login_expiry ON device_login (expires_at);

ALTER TABLE token DROP CONSTRAINT token_kind_check;
ALTER TABLE token ADD CONSTRAINT token_kind_check CHECK (kind IN ('operator', 'database', 'account', 'vendor'));
ALTER TABLE token ADD COLUMN title TEXT NOT NULL DEFAULT '', ADD COLUMN scopes TEXT NOT NULL DEFAULT '[]', ADD COLUMN expires_at BIGINT;
CREATE INDEX token_subject ON token (kind, subject);

-- ── services ────────────────────────────────────────────────────────────────────────────────────
ALTER TABLE service ADD COLUMN suspended TEXT;
ALTER TABLE service ADD COLUMN discontinued_at BIGINT;
ALTER TABLE service ADD COLUMN ends_at BIGINT;
ALTER TABLE service ADD COLUMN ended_at BIGINT;

CREATE TABLE service_revision (
    id           BIGINT CONSTRAINT "service_revision: id" PRIMARY KEY,
    service_id   BIGINT NOT NULL REFERENCES service (id),
    kind         TEXT NOT NULL CHECK (kind IN ('packs', 'texts', 'icon', 'prices')),
    value        TEXT NOT NULL,
    author       TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    effective_at BIGINT NOT NULL
);
CREATE INDEX service_revision_service ON service_revision (service_id, kind, id);
CREATE TRIGGER service_revision_is_never_changed BEFORE UPDATE ON service_revision FOR EACH ROW EXECUTE FUNCTION iap_refuse('revisions are append-only');

CREATE TABLE service_config (
    service_id BIGINT NOT NULL REFERENCES service (id),
    name       TEXT NOT NULL,
    value      TEXT NOT NULL,
    author     TEXT NOT NULL,
    set_at     BIGINT NOT NULL,
    CONSTRAINT "service_config: service_id, name" PRIMARY KEY (service_id, name)
);

CREATE TABLE service_secret (
    service_id BIGINT NOT NULL REFERENCES service (id),
    name       TEXT NOT NULL,
    sealed     BYTEA NOT NULL,
    key_id     TEXT NOT NULL,
    author     TEXT NOT NULL,
    set_at     BIGINT NOT NULL,
    CONSTRAINT "service_secret: service_id, name" PRIMARY KEY (service_id, name)
);

-- ── releases ────────────────────────────────────────────────────────────────────────────────────
CREATE TABLE component (
    digest     TEXT CONSTRAINT "component: digest" PRIMARY KEY,
    bytes      BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TRIGGER component_is_never_changed BEFORE UPDATE ON component FOR EACH ROW EXECUTE FUNCTION iap_refuse('components are never changed');

ALTER TABLE release ADD COLUMN source TEXT NOT NULL DEFAULT 'embedded' CHECK (source IN ('embedded', 'published'));
ALTER TABLE release ADD COLUMN state TEXT NOT NULL DEFAULT 'approved' CHECK (state IN ('submitted', 'approved', 'rejected', 'yanked', 'stopped'));
ALTER TABLE release ADD COLUMN files TEXT;
ALTER TABLE release ADD COLUMN size BIGINT;
ALTER TABLE release ADD COLUMN public_key TEXT REFERENCES vendor_key (public_key);
ALTER TABLE release ADD COLUMN signature BYTEA;
ALTER TABLE release ADD COLUMN countersignature BYTEA;
ALTER TABLE release ADD COLUMN report TEXT;
ALTER TABLE release ADD COLUMN rollout BIGINT NOT NULL DEFAULT 100 CHECK (rollout BETWEEN 0 AND 100);
ALTER TABLE release ADD COLUMN decided_at BIGINT;
ALTER TABLE release ADD COLUMN reason TEXT;
ALTER TABLE release ADD COLUMN author TEXT;
CREATE UNIQUE INDEX "release: service_id, version" ON release (service_id, version) WHERE source = 'published';
CREATE INDEX release_state ON release (state, id) WHERE source = 'published';
CREATE TRIGGER release_is_immutable BEFORE UPDATE OF service_id, version, digest, files, public_key, signature ON release
FOR EACH ROW WHEN (OLD.source = 'published') EXECUTE FUNCTION iap_refuse('a release is never changed; publish a new version');

CREATE TABLE catalog_event (
    id         BIGINT CONSTRAINT "catalog_event: id" PRIMARY KEY,
    service_id BIGINT NOT NULL REFERENCES service (id),
    release_id BIGINT REFERENCES release (id),
    kind       TEXT NOT NULL,
    detail     TEXT NOT NULL DEFAULT '',
    author     TEXT NOT NULL,
    at         BIGINT NOT NULL
);
CREATE INDEX catalog_event_service ON catalog_event (service_id, id);

CREATE TABLE catalog_version (
    id      BIGINT CONSTRAINT "catalog_version: id" PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL
);
INSERT INTO catalog_version VALUES (1, 1);

CREATE TABLE release_health (
    release_id BIGINT NOT NULL REFERENCES release (id),
    minute     BIGINT NOT NULL,
    calls      BIGINT NOT NULL,
    failures   BIGINT NOT NULL,
    CONSTRAINT "release_health: release_id, minute" PRIMARY KEY (release_id, minute)
);

CREATE TABLE plugin_log (
    id         BIGINT CONSTRAINT "plugin_log: id" PRIMARY KEY,
    service_id BIGINT NOT NULL REFERENCES service (id),
    release_id BIGINT,
    call_id    TEXT NOT NULL,
    level      TEXT NOT NULL,
    message    TEXT NOT NULL,
    at         BIGINT NOT NULL
);
CREATE INDEX plugin_log_service ON plugin_log (service_id, at, id);
CREATE INDEX plugin_log_at ON plugin_log (at);

-- ── accounts ────────────────────────────────────────────────────────────────────────────────────
ALTER TABLE account ADD COLUMN major BIGINT;
ALTER TABLE account ADD COLUMN test BIGINT NOT NULL DEFAULT 0 CHECK (test IN (0, 1));
ALTER TABLE account ADD COLUMN warned BIGINT NOT NULL DEFAULT 0 CHECK (warned IN (0, 1));
CREATE INDEX account_warn_me ON account (id) WHERE warn_me = 1;

-- ── mail ────────────────────────────────────────────────────────────────────────────────────────
CREATE TABLE mail (
    id         BIGINT CONSTRAINT "mail: id" PRIMARY KEY,
    recipient  TEXT NOT NULL,
    subject    TEXT NOT NULL,
    body       TEXT NOT NULL,
    kind       TEXT NOT NULL,
    dedupe_key TEXT CONSTRAINT "mail: dedupe_key" UNIQUE,
    state      TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'dead')),
    attempts   BIGINT NOT NULL DEFAULT 0,
    run_at     BIGINT NOT NULL,
    last_error TEXT,
    created_at BIGINT NOT NULL,
    ended_at   BIGINT
);
CREATE INDEX mail_due ON mail (run_at) WHERE state = 'waiting';
CREATE INDEX mail_ended ON mail (ended_at) WHERE state <> 'waiting';
CREATE INDEX mail_dead ON mail (id) WHERE state = 'dead';
