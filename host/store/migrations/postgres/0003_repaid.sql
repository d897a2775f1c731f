-- SQLite's 0003_repaid, in PostgreSQL's words: what it is for is said there.

-- Without a check: each one costs with every change of the row, which every call makes. The rules and the verifier have it.
ALTER TABLE credit_grant ADD COLUMN repaid BIGINT NOT NULL DEFAULT 0;
UPDATE credit_grant SET repaid = p.repaid
FROM (SELECT grant_id, CAST(sum(amount) AS BIGINT) AS repaid FROM posting WHERE debit = 10 AND credit = 9 AND grant_id IS NOT NULL
      GROUP BY grant_id) p
WHERE p.grant_id = credit_grant.id;

CREATE TABLE entry_note (
    entry_id BIGINT CONSTRAINT "entry_note: entry_id" PRIMARY KEY,
    text     TEXT NOT NULL CHECK (length(text) BETWEEN 1 AND 500)
);
CREATE TRIGGER entry_note_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON entry_note FOR EACH STATEMENT
    EXECUTE FUNCTION iap_refuse('notes of entries are append-only');

CREATE TABLE payout (
    id          BIGINT CONSTRAINT "payout: id" PRIMARY KEY,
    vendor_name TEXT COLLATE "C" NOT NULL REFERENCES vendor (name),
    currency    TEXT NOT NULL,
    amount      BIGINT NOT NULL CHECK (amount > 0),
    created_at  BIGINT NOT NULL,
    returned_at BIGINT
);
CREATE INDEX payout_vendor ON payout (vendor_name, id);
INSERT INTO payout (id, vendor_name, currency, amount, created_at)
SELECT max(p.entry_id), b.vendor_name, b.currency, b.paid_out, max(p.at)
FROM vendor_balance b JOIN posting p ON p.vendor = b.vendor_name AND p.currency = b.currency AND p.kind = 16
WHERE b.paid_out > 0 GROUP BY b.vendor_name, b.currency, b.paid_out;
