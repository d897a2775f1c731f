//! Neutral SQL in PostgreSQL's words.
//!
//! All SQL outside of the engines' modules is written once, in what SQLite and PostgreSQL both understand
//! (`IS NOT DISTINCT FROM`, `ON CONFLICT`, `RETURNING`, `CAST(sum(x) AS BIGINT)`, …). These rules do the rest:
//!
//! | neutral | PostgreSQL |
//! |---|---|
//! | `?1` | `$1` |
//! | `json_each(?1)` | a set of rows with the column `value`: the texts of the JSON list |
//! | `CAST(?1 AS BLOB)` | `CAST($1 AS BYTEA)` |
//! | `/* postgres: FOR UPDATE */` | `FOR UPDATE`: what only PostgreSQL is told |
//!
//! Nothing within quotes is touched. A parameter has the type that PostgreSQL infers from its first use:
//! where that is none, `int4` (as in `?1 + 1`) or `text` (as in `CASE … ELSE ?1 END`), neutral SQL casts it.

/// Rewrites neutral SQL. The result is prepared once for each connection, so nothing is cached here.
pub fn translate(neutral: &str) -> String {
    let mut sql = String::with_capacity(neutral.len() + 32);
    let mut rest = neutral;
    while let Some(first) = rest.chars().next() {
        if let Some(quoted) = quoted(rest) {
            sql.push_str(quoted);
            rest = &rest[quoted.len()..];
        } else if let Some((inner, after)) = between(rest, "/* postgres: ", " */") {
            sql.push_str(&translate(inner));
            rest = after;
        } else if let Some((number, after)) = between(rest, "json_each(?", ")") {
            sql.push_str("json_array_elements_text(CAST(CAST($");
            sql.push_str(number);
            sql.push_str(" AS TEXT) AS JSON)) AS json_each(value)");
            rest = after;
        } else if let Some(after) = rest.strip_prefix(" AS BLOB)") {
            sql.push_str(" AS BYTEA)");
            rest = after;
        } else {
            sql.push(if first == '?' { '$' } else { first });
            rest = &rest[first.len_utf8()..];
        }
    }
    sql
}

/// The literal or quoted name at the start; a doubled quote in it ends one and begins the next.
fn quoted(sql: &str) -> Option<&str> {
    let quote = sql.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
    let end = sql[1..].find(quote)?;
    Some(&sql[..end + 2])
}

fn between<'a>(sql: &'a str, open: &str, close: &str) -> Option<(&'a str, &'a str)> {
    sql.strip_prefix(open)?.split_once(close)
}

#[cfg(test)]
mod tests {
    use super::translate;

    #[test]
    fn parameters_are_numbered_with_dollars() {
        assert_eq!(translate("SELECT a FROM t WHERE b = ?1 AND c = ?12"), "SELECT a FROM t WHERE b = $1 AND c = $12");
    }

    #[test]
    fn quoted_text_is_left_alone() {
        let sql = r#"SELECT 'why?1', 'it''s ?2 /* postgres: x */', "odd?3" FROM t"#;
        assert_eq!(translate(sql), sql);
        assert_eq!(translate("SELECT '?1', ?1"), "SELECT '?1', $1");
    }

    #[test]
    fn lists_become_rows() {
        assert_eq!(
            translate("SELECT value FROM json_each(?2) WHERE true"),
            "SELECT value FROM json_array_elements_text(CAST(CAST($2 AS TEXT) AS JSON)) AS json_each(value) WHERE true"
        );
    }

    #[test]
    fn bytes_have_another_name() {
        assert_eq!(translate("SELECT CAST(?1 AS BLOB), ' AS BLOB)'"), "SELECT CAST($1 AS BYTEA), ' AS BLOB)'");
    }

    #[test]
    fn postgres_alone_is_told_what_is_marked_for_it() {
        assert_eq!(
            translate("SELECT a FROM t LIMIT ?1 /* postgres: FOR UPDATE OF t SKIP LOCKED */)"),
            "SELECT a FROM t LIMIT $1 FOR UPDATE OF t SKIP LOCKED)"
        );
        assert_eq!(translate("SELECT 1 /* a remark */"), "SELECT 1 /* a remark */");
    }
}
