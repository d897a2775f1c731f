-- What repaid a debt, why entries were made, and payouts that can be named.

-- Of what was voided: what repaid a debt. If the purchase itself is charged back, that is owed again.
ALTER TABLE credit_grant ADD COLUMN repaid INTEGER NOT NULL DEFAULT 0 CHECK (repaid BETWEEN 0 AND voided);
UPDATE credit_grant SET repaid = p.repaid
FROM (SELECT grant_id, sum(amount) AS repaid FROM posting WHERE debit = 10 AND credit = 9 AND grant_id IS NOT NULL GROUP BY grant_id) p
WHERE p.grant_id = credit_grant.id;

-- Why the operator had an entry made. Written in its transaction; never changed.
CREATE TABLE entry_note (
    entry_id INTEGER PRIMARY KEY,
    text     TEXT NOT NULL CHECK (length(text) BETWEEN 1 AND 500)
) STRICT;
CREATE TRIGGER entry_note_is_never_changed BEFORE UPDATE ON entry_note
BEGIN
    SELECT RAISE(ABORT, 'notes of entries are append-only');
END;
CREATE TRIGGER entry_note_is_never_deleted BEFORE DELETE ON entry_note
BEGIN
    SELECT RAISE(ABORT, 'notes of entries are append-only');
END;

-- Money paid to vendors. One that came back is not paid any more.
CREATE TABLE payout (
    id          INTEGER PRIMARY KEY,
    vendor_name TEXT NOT NULL REFERENCES vendor (name),
    currency    TEXT NOT NULL,
    amount      INTEGER NOT NULL CHECK (amount > 0),
    created_at  INTEGER NOT NULL,
    returned_at INTEGER
) STRICT;
CREATE INDEX payout_vendor ON payout (vendor_name, id);
-- Of those before, nobody wrote down which came back: what is left of them is one.
INSERT INTO payout (id, vendor_name, currency, amount, created_at)
SELECT max(p.entry_id), b.vendor_name, b.currency, b.paid_out, max(p.at)
FROM vendor_balance b JOIN posting p ON p.vendor = b.vendor_name AND p.currency = b.currency AND p.kind = 16
WHERE b.paid_out > 0 GROUP BY b.vendor_name, b.currency, b.paid_out;
