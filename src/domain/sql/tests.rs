use proptest::prelude::*;

use super::*;

#[test]
fn the_shape_does_not_depend_on_literals_case_or_comments() {
    let shape = fingerprint("SELECT a FROM t WHERE id IN (1, 2, 3) AND name = 'x'");
    for same in [
        "select a\nfrom T where id in (7) and name = 'it''s'",
        "SELECT a /* who */ FROM t -- why\nWHERE id IN (1,2) AND name = ''",
    ] {
        assert_eq!(fingerprint(same), shape, "{same}");
    }
    for other in [
        "SELECT b FROM t WHERE id IN (1) AND name = 'x'",
        "SELECT a FROM \"T\" WHERE id IN (1) AND name = 'x'",
    ] {
        assert_ne!(fingerprint(other), shape, "{other}");
    }
}

#[test]
fn rows_and_signs_make_no_shape_of_their_own() {
    for (one, other) in [
        ("INSERT INTO t VALUES (1, 'a')", "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (-3, 'c')"),
        ("SELECT a FROM t WHERE b IN (1)", "SELECT a FROM t WHERE b IN (-1, 2, -3)"),
        ("MSCK REPAIR TABLE t", "msck repair table T"),
        ("ALTER TABLE t ADD PARTITION (d=\"a\")", "ALTER TABLE t ADD PARTITION (d='b')"),
    ] {
        assert_eq!(fingerprint(one), fingerprint(other), "{other}");
    }
    assert_ne!(fingerprint("SELECT a - 1 FROM t"), fingerprint("SELECT a, 1 FROM t"));
}

#[test]
fn double_quotes_are_strings_in_hive_ddl_and_names_elsewhere() {
    for (sql, redacted) in [
        ("ALTER TABLE t ADD PARTITION (customer=\"Jane Doe\")", "ALTER TABLE t ADD PARTITION (customer=?)"),
        (
            "CREATE EXTERNAL TABLE t (c int) TBLPROPERTIES (\"k\"=\"v\")",
            "CREATE EXTERNAL TABLE t (c int) TBLPROPERTIES (?=?)",
        ),
        ("CREATE TABLE t AS SELECT \"c\" FROM \"s\"", "CREATE TABLE t AS SELECT \"c\" FROM \"s\""),
        ("SELECT \"c\" FROM t", "SELECT \"c\" FROM t"),
    ] {
        assert_eq!(redact(sql), redacted);
    }
}

#[test]
fn redaction_keeps_the_layout_and_drops_what_people_wrote() {
    let sql = "SELECT x, 42 -- for jane@acme.example\nFROM \"Logs\".t /* secret */ WHERE d = DATE '2026-01-01' AND u = U&'a'";
    assert_eq!(redact(sql), "SELECT x, ? \nFROM \"Logs\".t   WHERE d = DATE ? AND u = ?");
}

#[test]
fn what_cannot_be_tokenised_is_redacted_whole() {
    for broken in ["SELECT 'never closed", "SELECT \"open", "SELECT /* open"] {
        assert_eq!(redact(broken), REDACTED_WHOLE, "{broken}");
        fingerprint(broken);
    }
}

#[test]
fn masks_are_known() {
    assert!(is_mask("***OMITTED***") && is_mask(" HIDDEN_DUE_TO_SECURITY_REASONS\n"));
    assert!(!is_mask("SELECT '***OMITTED***'"));
}

#[test]
fn statements_of_athena_are_tokenised() {
    for sql in [
        "SELECT * FROM t FOR TIMESTAMP AS OF TIMESTAMP '2026-01-01 00:00:00 UTC'",
        "OPTIMIZE t REWRITE DATA USING BIN_PACK WHERE d = 'x'",
        "CREATE EXTERNAL TABLE `a`.`b` (c struct<d:int>) PARTITIONED BY (e string) LOCATION 's3://b/k'",
        "UNLOAD (SELECT 1) TO 's3://b/' WITH (format = 'PARQUET')",
        "SELECT transform(a, x -> x + 1)[1], b['k'], 1e-3, 0x1F, X'65', \"t$partitions\" FROM t",
        "PREPARE q FROM SELECT ? + 1",
    ] {
        assert_ne!(redact(sql), REDACTED_WHOLE, "{sql}");
    }
}

proptest! {
    #[test]
    fn any_text_has_a_fingerprint_and_redacting_twice_changes_nothing(sql in any::<String>()) {
        prop_assert_eq!(fingerprint(&sql).as_str().len(), 16);
        let once = redact(&sql);
        if once != REDACTED_WHOLE {
            prop_assert_eq!(redact(&once), once);
        }
    }

    #[test]
    fn no_literal_survives_redaction(secret in "[a-z]{6,12}", number in 100_000_u64..u64::MAX, comment in "[a-z]{6,12}") {
        let sql = format!("SELECT x FROM t WHERE a = '{secret}' AND b > {number} AND c = E'{secret}' /* {comment} */ -- {comment}");
        let redacted = redact(&sql);
        prop_assert!(!redacted.contains(&secret) && !redacted.contains(&number.to_string()) && !redacted.contains(&comment), "{}", redacted);
    }
}
