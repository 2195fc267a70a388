use chrono::{DateTime, Utc};

use super::time::parse_instant;
use super::*;
use crate::domain::day::{local_day, local_midnight};

const EXAMPLE: &str = include_str!("../../config.example.toml");

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("test.toml"))
}

/// The message and help of a config that is wrong.
fn complaint(text: &str) -> String {
    let error = parse(text).expect_err("the config is wrong");
    format!("{error} | {}", error.help().unwrap_or_default())
}

/// The example with the commented keys of its plain tables in force.
fn uncommented(text: &str) -> String {
    let mut in_list = false;
    let lines = text.lines().map(|line| {
        in_list = if line.starts_with("#[[") { true } else { in_list && !line.is_empty() };
        let key = line
            .strip_prefix('#')
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '['));
        key.map_or_else(|| line.to_owned(), str::to_owned)
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_is_the_defaults_and_names_every_key() {
    let plain = parse(EXAMPLE).expect("the example is valid");
    assert_eq!(format!("{plain:?}"), format!("{:?}", Config::default()));
    let mut all = parse(&uncommented(EXAMPLE)).expect("every commented key is valid");
    assert_eq!((all.scopes.len(), all.principals.len()), (1, 1));
    assert_eq!((all.pricing.capacity.len(), all.pricing.list.overrides.len()), (1, 1));
    assert_eq!(all.store.group.as_deref(), Some("bi-readers"));
    // All but those lists and the group are printed at their defaults.
    (all.scopes, all.principals, all.store.group) = (Vec::new(), Vec::new(), None);
    all.pricing = Pricing {
        unit: all.pricing.unit,
        zero_scan: all.pricing.zero_scan,
        reused: all.pricing.reused,
        ..Pricing::default()
    };
    let default = Config::default();
    assert_eq!(all.rules.len(), 7, "an example of each kind");
    assert!(default.rules.iter().all(|rule| all.rules.contains(rule)), "the built-in rules are among them");
    assert_eq!((all.channels.len(), all.digest.is_some()), (2, true));
    (all.rules, all.channels, all.digest) = (default.rules.clone(), Vec::new(), None);
    all.alerts.page = None;
    assert_eq!((all.page.hosts.len(), all.page.token.is_some()), (1, true));
    (all.page.hosts, all.page.token) = (Vec::new(), None);
    assert_eq!(format!("{all:?}"), format!("{default:?}"));
    let shape = include_str!("raw.rs");
    let keys = shape.lines().filter_map(|line| line.trim().strip_prefix("pub(super) ")?.split_once(':'));
    for (key, _) in keys.filter(|(key, _)| !key.contains(' ')) {
        let key = key.trim_start_matches("r#");
        let listed =
            [format!("{key} = "), format!("[{key}]")].iter().any(|text| EXAMPLE.contains(text.as_str()));
        assert!(listed, "config.example.toml lacks `{key}`");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_the_cure() {
    let cases = [
        (
            "[collect]\nlookup_rat = 1\n",
            "test.toml:2:1: unknown key `lookup_rat` | did you mean `lookup_rate`?",
        ),
        ("colect = 1", "test.toml:1:1: unknown key `colect` | did you mean `collect`?"),
        (
            "timezone = 'Europe/Amsterdm'",
            "test.toml:1:1: timezone = \"Europe/Amsterdm\": no IANA time zone has this name | did you mean `Europe/Amsterdam`?",
        ),
        (
            "timezone = 'Mars/Base'",
            "test.toml:1:1: timezone = \"Mars/Base\": no IANA time zone has this name | write it as \"Europe/Amsterdam\" or \"UTC\"",
        ),
        (
            "\n[collect]\nlate = '30'",
            "test.toml:3:1: collect.late = \"30\": is no duration | such as \"90s\", \"30m\", \"1h30m\" or \"7d\"",
        ),
        (
            "[collect]\nfirst_span = '91d'",
            "test.toml:2:1: collect.first_span = \"91d\": must be more than nothing and at most 2160 hours | ",
        ),
        (
            "[collect]\nlookup_rate = 0",
            "test.toml:2:1: collect.lookup_rate = \"0\": must be a positive number of calls per second | ",
        ),
        (
            "[store]\nmode = '0888'",
            "test.toml:2:1: store.mode = \"0888\": must be Unix permissions in octal, in quotes | such as \"0640\"",
        ),
        (
            "[[scope]]\nregions = ['eu-west']",
            "test.toml:2:1: scope.regions = \"eu-west\": is no AWS region code | such as \"eu-west-1\"",
        ),
        (
            "[[scope]]\naccount = '1234'",
            "test.toml:2:1: scope.account = \"1234\": is no AWS account id | twelve digits, in quotes",
        ),
        (
            "[privacy]\nquery_text = 'hidden'",
            "test.toml:2:1: privacy.query_text = \"hidden\": must be `full` or `redacted` or `none` | ",
        ),
        (
            "[[price]]\nregion = 'eu-west-1'\nusd_per_tb = '-5'",
            "test.toml:3:1: price.usd_per_tb = \"-5\": is no price in dollars | such as \"4.75\"",
        ),
        ("[retention]\nevents = '1h'", "test.toml:2:1: retention.events = \"1h\": must be at least a day | "),
    ];
    for (text, expected) in cases {
        assert_eq!(complaint(text), expected);
    }
    assert!(
        complaint("[collect]\nlate = ").starts_with("test.toml:2:"),
        "{}",
        complaint("[collect]\nlate = ")
    );
}

#[test]
fn money_is_read_as_it_is_written() {
    let text = "[[price]]\nregion = 'eu-west-1'\nusd_per_tb = 4.35\n[[price]]\ndiscount = 0.15\n";
    let overrides = parse(text).expect("valid").pricing.list.overrides;
    assert_eq!(overrides[0].per_terabyte.map(|price| price.0), Some(4_350_000_000));
    assert_eq!(overrides[1].discount_ppm, 150_000);
}

#[test]
fn budgets_and_retention_have_words_for_no_end() {
    let config =
        parse("[collect]\nread_names_budget = 'unlimited'\n[retention]\nevents = 'never'").expect("valid");
    assert_eq!((config.collect.read_names_budget, config.retention.events), (None, None));
    let config = parse("[collect]\nread_names_budget = '0s'").expect("valid");
    assert_eq!(config.collect.read_names_budget, Some(TimeDelta::zero()));
}

#[test]
fn an_instant_is_a_time_a_local_date_or_an_age() {
    let now: DateTime<Utc> = "2026-11-21T12:00:00Z".parse().expect("an instant");
    let zone = chrono_tz::Europe::Amsterdam;
    let at =
        |text| parse_instant(text, now, zone).map(|at| at.to_rfc3339()).map_err(|error| error.to_string());
    assert_eq!(at("2026-11-20T09:00:00+01:00"), Ok("2026-11-20T08:00:00+00:00".to_owned()));
    assert_eq!(at("2026-11-20"), Ok("2026-11-19T23:00:00+00:00".to_owned()));
    assert_eq!(at("1d12h"), Ok("2026-11-20T00:00:00+00:00".to_owned()));
    for bad in ["", "yesterday", "36", "5y", "9999999999999999d", "2026-13-01"] {
        assert!(at(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn local_days_begin_where_clocks_say_so() {
    let day = |text: &str| text.parse().expect("a date");
    let midnight = |text, zone| local_midnight(day(text), zone).to_rfc3339();
    assert_eq!(midnight("2026-03-29", chrono_tz::Europe::Amsterdam), "2026-03-28T23:00:00+00:00");
    assert_eq!(midnight("2026-10-25", chrono_tz::Europe::Amsterdam), "2026-10-24T22:00:00+00:00");
    assert_eq!(midnight("2026-11-20", chrono_tz::Asia::Kolkata), "2026-11-19T18:30:00+00:00");
    // Clocks in Beirut skipped from midnight to one o'clock.
    assert_eq!(midnight("2022-03-27", chrono_tz::Asia::Beirut), "2022-03-26T22:00:00+00:00");
    assert_eq!(
        local_day(local_midnight(day("2022-03-27"), chrono_tz::Asia::Beirut), chrono_tz::Asia::Beirut),
        day("2022-03-27")
    );
}

#[test]
fn rules_and_channels_that_cannot_work_are_told_before_anything_runs() {
    let rule = |rest: &str| format!("[[rule]]\nname = 'r'\nkind = 'threshold'\nlimit = '1 TB'\n{rest}");
    let channel = "[[channel]]\nname = 'ops'\nkind = 'slack'\n";
    let cases = [
        (rule("kind2 = 1"), "unknown key `kind2` | did you mean `kind`?"),
        (
            "[[rule]]\nname = 'r'\nkind = 'treshold'".to_owned(),
            "rule.kind = \"treshold\": is no kind of rule | did you mean `threshold`?",
        ),
        (rule("period = 'week'"), "rule.period = \"week\": must be `hour` or `day` or `month`"),
        (
            rule("measure = 'cost'"),
            "rule.limit = \"1 TB\": is no limit for measure = \"cost\" | such as \"$50\"",
        ),
        (
            rule("subject = 'execution'\nmeasure = 'failed'"),
            "rule.measure = \"failed\": of one execution says nothing",
        ),
        (rule("lag = '4h'"), "rule.lag = \"r\": has no meaning for kind = \"threshold\""),
        (
            rule("channels = ['opps']\n[[channel]]\nname = 'ops'\nkind = 'slack'\nurl_env = 'U'"),
            "is no [[channel]] of this file | did you mean `ops`?",
        ),
        (rule(&rule("")), "rule.name = \"r\": is the name of another [[rule]] too"),
        (
            "[[rule]]\nname = 'g'\nkind = 'gap'\nfilter = { team = 'x' }".to_owned(),
            "of a gap can be account and region only",
        ),
        (
            "[[rule]]\nname = 's'\nkind = 'spike'\nlimit = '1 GB'\nsubject = 'database'".to_owned(),
            "use period = \"day\"",
        ),
        (
            format!("{channel}url = 'https://hooks.slack.com/T0/private'"),
            "a Slack webhook's address is a secret",
        ),
        (channel.to_owned(), "needs one address"),
        ("[digest]\nat = '8 Uhr'".to_owned(), "digest.at = \"8 Uhr\": is no time of day"),
    ];
    for (text, expected) in cases {
        let complaint = complaint(&text);
        assert!(complaint.contains(expected), "{text}\n-> {complaint}");
        assert!(!complaint.contains("private"), "{complaint}");
    }
}

#[test]
fn limits_are_bytes_dollars_or_counts_in_the_units_of_the_prices() {
    let limit = |text: &str| {
        let rules = parse(text).expect("valid").rules;
        match &rules.first().expect("a rule").check {
            crate::rules::Check::Threshold(settings) => settings.limit,
            other => panic!("{other:?}"),
        }
    };
    let rule = "[[rule]]\nname = 'r'\nkind = 'threshold'\n";
    assert_eq!(limit(&format!("{rule}limit = '1.5 TB'")), 3 << 39);
    assert_eq!(limit(&format!("{rule}limit = '500GiB'")), 500 << 30);
    assert_eq!(limit(&format!("[pricing]\nunit = 'decimal'\n{rule}limit = '1 TB'")), 1_000_000_000_000);
    assert_eq!(limit(&format!("{rule}measure = 'cost'\nlimit = '$50.25'")), 50_250_000_000);
    assert_eq!(limit(&format!("{rule}measure = 'executions'\nlimit = 500")), 500);
    assert!(parse("rule = []").expect("valid").rules.is_empty(), "no rules at all can be had");
}
