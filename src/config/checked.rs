//! The file's shape -> checked values. Every complaint names the key, the value and what would do.

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;

use super::raw::nearest;
use super::span::parse_span_or;
use super::wrong::{Wrong, choice, duration, no_span};
use super::{
    CollectConfig, Config, Journal, PrincipalMapping, Retention, ScopeConfig, StoreConfig, raw, telling,
};
use crate::domain::price::{Capacity, NanoUsd, PriceList, PriceOverride, Pricing, Reused, Unit, ZeroScan};
use crate::domain::principal::PrincipalKind;
use crate::domain::scope::{AccountId, Region};
use crate::domain::sql::QueryTextPolicy;

pub(super) fn check(raw: raw::Raw) -> Result<Config, Wrong> {
    let default = Config::default();
    let unit = pricing_unit(raw.pricing.unit.clone())?;
    let channels = telling::channels(raw.channel)?;
    let names: Vec<&str> = channels.iter().map(|channel| channel.name.as_str()).collect();
    let timezone = raw.timezone.as_deref().map(zone).transpose()?.unwrap_or(default.timezone);
    Ok(Config {
        timezone,
        store: store(raw.store, default.store)?,
        scopes: scopes(raw.scope)?,
        collect: collect(&raw.collect, &default.collect)?,
        rules: telling::rules(raw.rule, unit, &names)?,
        digest: telling::digest(raw.digest, &names)?,
        page: super::page::page(raw.page)?,
        alerts: telling::alerts(raw.alerts)?,
        channels,
        pricing: pricing(raw.pricing, raw.price, raw.capacity)?,
        principals: raw.principal.into_iter().map(principal).collect::<Result<_, _>>()?,
        retention: retention(&raw.retention, &default.retention)?,
        query_text: choice(
            "privacy.query_text",
            raw.privacy.query_text,
            QueryTextPolicy::Full,
            &[
                ("full", QueryTextPolicy::Full),
                ("redacted", QueryTextPolicy::Redacted),
                ("none", QueryTextPolicy::None),
            ],
        )?,
    })
}

fn zone(text: &str) -> Result<Tz, Wrong> {
    text.parse().map_err(|_| {
        let known = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let help = match nearest(text, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write it as \"Europe/Amsterdam\" or \"UTC\"".to_owned(),
        };
        Wrong::new("timezone", text, "no IANA time zone has this name").help(help)
    })
}

fn store(raw: raw::Store, default: StoreConfig) -> Result<StoreConfig, Wrong> {
    let mode = match raw.mode {
        None => default.mode,
        Some(text) => u32::from_str_radix(&text, 8).ok().filter(|mode| *mode <= 0o777).ok_or_else(|| {
            Wrong::new("store.mode", text, "must be Unix permissions in octal, in quotes")
                .help("such as \"0640\"")
        })?,
    };
    let known = [("truncate", Journal::Truncate), ("wal", Journal::Wal)];
    Ok(StoreConfig {
        path: raw.path.map_or(default.path, Into::into),
        mode,
        group: raw.group.filter(|group| !group.is_empty()),
        journal: choice("store.journal", raw.journal, default.journal, &known)?,
    })
}

fn scopes(raw: Vec<raw::Scope>) -> Result<Vec<ScopeConfig>, Wrong> {
    let scopes = raw
        .into_iter()
        .map(|scope| {
            let role = scope.role_arn;
            if let Some(arn) =
                role.as_deref().filter(|arn| !arn.starts_with("arn:") || !arn.contains(":role/"))
            {
                return Err(Wrong::new("scope.role_arn", arn, "is no ARN of a role")
                    .help("such as arn:aws:iam::111122223333:role/athena-ledger"));
            }
            if let (Some(id), None) = (&scope.external_id, &role) {
                return Err(Wrong::new("scope.external_id", id.clone(), "needs a role_arn to go with"));
            }
            Ok(ScopeConfig {
                name: scope.name,
                regions: scope
                    .regions
                    .iter()
                    .map(|text| region("scope.regions", text))
                    .collect::<Result<_, _>>()?,
                account: scope.account.as_deref().map(|text| account("scope.account", text)).transpose()?,
                profile: scope.profile,
                role_arn: role,
                external_id: scope.external_id,
            })
        })
        .collect::<Result<Vec<_>, Wrong>>()?;
    for (index, scope) in scopes.iter().enumerate() {
        if let Some(name) =
            scope.name.clone().filter(|_| scopes[..index].iter().any(|other| other.name == scope.name))
        {
            return Err(Wrong::new("scope.name", name, "is the name of another [[scope]] too"));
        }
    }
    Ok(scopes)
}

fn region(key: &'static str, text: &str) -> Result<Region, Wrong> {
    Region::parse(text)
        .ok_or_else(|| Wrong::new(key, text, "is no AWS region code").help("such as \"eu-west-1\""))
}

fn account(key: &'static str, text: &str) -> Result<AccountId, Wrong> {
    AccountId::parse(text)
        .ok_or_else(|| Wrong::new(key, text, "is no AWS account id").help("twelve digits, in quotes"))
}

fn collect(raw: &raw::Collect, default: &CollectConfig) -> Result<CollectConfig, Wrong> {
    let rate = |key, value: Option<f64>, default| match value {
        None => Ok(default),
        Some(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        Some(rate) => Err(Wrong::new(key, rate.to_string(), "must be a positive number of calls per second")),
    };
    let budget = match raw.read_names_budget.as_deref() {
        None => default.read_names_budget,
        Some(text) => parse_span_or(text, "unlimited").ok_or_else(|| {
            no_span("collect.read_names_budget", text)
                .help("such as \"60s\"; \"0s\" leaves the read names out, \"unlimited\" reads them all")
        })?,
    };
    let day = TimeDelta::days(1);
    Ok(CollectConfig {
        every: duration("collect.every", raw.every.as_deref(), default.every, day)?,
        late: duration("collect.late", raw.late.as_deref(), default.late, day)?,
        lookup_rate: rate("collect.lookup_rate", raw.lookup_rate, default.lookup_rate)?,
        batch_rate: rate("collect.batch_rate", raw.batch_rate, default.batch_rate)?,
        read_names_budget: budget,
        // CloudTrail's event history ends there.
        first_span: duration(
            "collect.first_span",
            raw.first_span.as_deref(),
            default.first_span,
            TimeDelta::days(90),
        )?,
    })
}

fn date(key: &'static str, text: Option<&str>) -> Result<Option<NaiveDate>, Wrong> {
    let parse = |text: &str| {
        text.parse().map_err(|_| Wrong::new(key, text, "is no date").help("such as \"2026-01-31\", in UTC"))
    };
    text.map(parse).transpose()
}

fn pricing_unit(text: Option<String>) -> Result<Unit, Wrong> {
    let units = [("binary", Unit::Binary), ("decimal", Unit::Decimal)];
    choice("pricing.unit", text, Unit::default(), &units)
}

fn pricing(
    raw: raw::Pricing,
    prices: Vec<raw::Price>,
    capacity: Vec<raw::Capacity>,
) -> Result<Pricing, Wrong> {
    let zero_scan = [("minimum", ZeroScan::Minimum), ("free", ZeroScan::Free)];
    let reused = [("free", Reused::Free), ("minimum", Reused::Minimum)];
    Ok(Pricing {
        unit: pricing_unit(raw.unit)?,
        zero_scan: choice("pricing.zero_scan", raw.zero_scan, ZeroScan::default(), &zero_scan)?,
        reused: choice("pricing.reused", raw.reused, Reused::default(), &reused)?,
        list: PriceList { overrides: prices.into_iter().map(price).collect::<Result<_, _>>()? },
        capacity: capacity
            .into_iter()
            .map(|raw| {
                Ok(Capacity {
                    workgroup: raw.workgroup.ok_or_else(|| {
                        Wrong::new("capacity.workgroup", "", "a [[capacity]] needs a workgroup")
                    })?,
                    account: raw
                        .account
                        .as_deref()
                        .map(|text| account("capacity.account", text))
                        .transpose()?,
                    region: raw.region.as_deref().map(|text| region("capacity.region", text)).transpose()?,
                    from: date("capacity.from", raw.from.as_deref())?,
                    to: date("capacity.to", raw.to.as_deref())?,
                })
            })
            .collect::<Result<_, Wrong>>()?,
    })
}

fn price(raw: raw::Price) -> Result<PriceOverride, Wrong> {
    let per_terabyte = match &raw.usd_per_tb {
        None => None,
        Some(text) => Some(NanoUsd::parse(&text.to_string()).ok_or_else(|| {
            Wrong::new("price.usd_per_tb", text.to_string(), "is no price in dollars")
                .help("such as \"4.75\"")
        })?),
    };
    let discount_ppm = match &raw.discount {
        None => 0,
        // A part of one: NanoUsd reads nine decimals exactly, a millionth is kept.
        Some(text) => NanoUsd::parse(&text.to_string())
            .filter(|part| part.0 <= 1_000_000_000)
            .and_then(|part| u32::try_from(part.0 / 1_000).ok())
            .ok_or_else(|| {
                Wrong::new("price.discount", text.to_string(), "is no part of a price").help("0.1 is 10% off")
            })?,
    };
    if per_terabyte.is_none() && discount_ppm == 0 {
        return Err(Wrong::new(
            "price.region",
            raw.region.unwrap_or_default(),
            "a [[price]] needs usd_per_tb or discount",
        ));
    }
    Ok(PriceOverride {
        region: raw
            .region
            .as_deref()
            .filter(|text| *text != "*")
            .map(|text| region("price.region", text))
            .transpose()?,
        per_terabyte,
        discount_ppm,
        from: date("price.from", raw.from.as_deref())?,
    })
}

fn principal(raw: raw::Principal) -> Result<PrincipalMapping, Wrong> {
    let pattern = raw.r#match.filter(|pattern| !pattern.is_empty());
    let pattern = pattern.ok_or_else(|| {
        Wrong::new("principal.match", "", "a [[principal]] needs a glob on the principal's key")
            .help("such as match = \"*:role/etl-*\"; `report --json` prints keys")
    })?;
    let kinds = [
        ("user", Some(PrincipalKind::User)),
        ("service", Some(PrincipalKind::Service)),
        ("unknown", Some(PrincipalKind::Unknown)),
    ];
    let kind = choice("principal.kind", raw.kind, None, &kinds)?;
    Ok(PrincipalMapping { pattern, name: raw.name, kind, team: raw.team })
}

fn retention(raw: &raw::Retention, default: &Retention) -> Result<Retention, Wrong> {
    let keep = |key, text: &Option<String>, default| match text.as_deref() {
        None => Ok(default),
        Some(text) => match parse_span_or(text, "never") {
            Some(Some(span)) if span < TimeDelta::days(1) => {
                Err(Wrong::new(key, text, "must be at least a day"))
            }
            Some(kept) => Ok(kept),
            None => Err(no_span(key, text).help("such as \"400d\", or \"never\" to keep for ever")),
        },
    };
    Ok(Retention {
        read_events: keep("retention.read_events", &raw.read_events, default.read_events)?,
        events: keep("retention.events", &raw.events, default.events)?,
        executions: keep("retention.executions", &raw.executions, default.executions)?,
        query_text: keep("retention.query_text", &raw.query_text, default.query_text)?,
    })
}
