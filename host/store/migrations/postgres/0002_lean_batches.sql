-- A batch that locks nothing first: its last word is a count of what it found as it expected it.
CREATE FUNCTION iap_expect(counted BIGINT, expected BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    IF counted <> expected THEN
        RAISE EXCEPTION 'another writer has moved an account of this batch' USING ERRCODE = 'IA001';
    END IF;
END $$;
