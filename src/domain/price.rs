//! Money: bytes billed, nano-dollars, and the billing rules. Integers only; the rule's name is stored with its result.
//!
//! Rules and their order are those of the contract; sources: the AmazonAthena price list of 2026-08-31 ("minimum
//! 10MB for each successful or cancelled queries", free: "DDL, Failed Queries") and the Athena pricing page (rounded
//! up to the megabyte).

mod list;
#[cfg(test)]
mod tests;

use chrono::{DateTime, NaiveDate, Utc};

use super::execution::{QueryExecution, State};
use super::scope::{AccountId, Region, Scope};

pub use list::{PriceList, PriceOverride, PriceSource};

/// Nano-dollars, 1e-9 USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NanoUsd(pub i64);

impl NanoUsd {
    /// A price from its decimal text, such as `5`, `4.75` or `0.000000001`; exact, never through a float.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || part.len() > 9 || !digits(whole) || !digits(part) {
            return None;
        }
        let nano: i64 = format!("{part:0<9}").parse().ok()?;
        whole.parse::<i64>().ok()?.checked_mul(1_000_000_000)?.checked_add(nano).map(Self)
    }
}

/// What MB and TB are: AWS's words leave it open, its own price calculator says binary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// 2^20 and 2^40 bytes.
    #[default]
    Binary,
    /// 10^6 and 10^12 bytes.
    Decimal,
}

impl Unit {
    pub fn megabyte(self) -> u64 {
        match self {
            Self::Binary => 1 << 20,
            Self::Decimal => 1_000_000,
        }
    }

    pub fn terabyte(self) -> u64 {
        match self {
            Self::Binary => 1 << 40,
            Self::Decimal => 1_000_000_000_000,
        }
    }
}

/// What a successful query costs that scanned nothing. UNVERIFIED; the price list literally says the minimum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ZeroScan {
    #[default]
    Minimum,
    Free,
}

/// What a reused result costs. UNVERIFIED; AWS says that reuse scans nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reused {
    #[default]
    Free,
    Minimum,
}

/// Why an execution costs what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BillingRule {
    Unknown,
    Pending,
    FreeFailed,
    Capacity,
    FreeReused,
    FreeDdl,
    Minimum,
    Scan,
}

impl BillingRule {
    const ALL: [Self; 8] = [
        Self::Unknown,
        Self::Pending,
        Self::FreeFailed,
        Self::Capacity,
        Self::FreeReused,
        Self::FreeDdl,
        Self::Minimum,
        Self::Scan,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Pending => "pending",
            Self::FreeFailed => "free_failed",
            Self::Capacity => "capacity",
            Self::FreeReused => "free_reused",
            Self::FreeDdl => "free_ddl",
            Self::Minimum => "minimum",
            Self::Scan => "scan",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == text)
    }

    /// The rule in a sentence.
    pub fn explain(self) -> &'static str {
        match self {
            Self::Unknown => "Athena does not tell what it scanned, so it is not priced",
            Self::Pending => "it has not ended, or Athena was not asked yet",
            Self::FreeFailed => "failed queries are free, whatever they scanned",
            Self::Capacity => {
                "its workgroup runs on provisioned capacity, billed by the DPU-hour, not by the TB"
            }
            Self::FreeReused => "a previous result was reused, nothing was scanned",
            Self::FreeDdl => "DDL, utility and EXPLAIN statements that scan nothing are free",
            Self::Minimum => "every successful or cancelled query is billed at least 10 MB",
            Self::Scan => "bytes scanned, rounded up to the next MB, at the price per TB",
        }
    }
}

/// A workgroup on provisioned capacity for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capacity {
    pub workgroup: String,
    /// `None`: in every account.
    pub account: Option<AccountId>,
    /// `None`: in every region.
    pub region: Option<Region>,
    /// First day, UTC.
    pub from: Option<NaiveDate>,
    /// Last day, UTC, inclusive.
    pub to: Option<NaiveDate>,
}

impl Capacity {
    fn holds(&self, scope: &Scope, workgroup: Option<&str>, at: DateTime<Utc>) -> bool {
        let day = at.date_naive();
        workgroup == Some(&self.workgroup)
            && self.account.as_ref().is_none_or(|account| *account == scope.account)
            && self.region.as_ref().is_none_or(|region| *region == scope.region)
            && self.from.is_none_or(|from| from <= day)
            && self.to.is_none_or(|to| day <= to)
    }
}

/// What an execution is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    pub rule: BillingRule,
    pub billed_bytes: u64,
    /// `None`: not priced. Never a silent zero.
    pub cost: Option<NanoUsd>,
    /// Where the price per TB came from; `None` when no price was needed or known.
    pub price_source: Option<PriceSource>,
}

impl Charge {
    /// Gone or denied: Athena does not tell.
    pub const UNKNOWN: Self = Self::unpriced(BillingRule::Unknown);
    /// Queued or running: nothing so far, and no cost known yet.
    pub const PENDING: Self = Self::unpriced(BillingRule::Pending);

    const fn unpriced(rule: BillingRule) -> Self {
        Self { rule, billed_bytes: 0, cost: None, price_source: None }
    }

    const fn free(rule: BillingRule) -> Self {
        Self { rule, billed_bytes: 0, cost: Some(NanoUsd(0)), price_source: None }
    }
}

/// Everything that decides what an execution costs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pricing {
    pub unit: Unit,
    pub zero_scan: ZeroScan,
    pub reused: Reused,
    pub list: PriceList,
    pub capacity: Vec<Capacity>,
}

impl Pricing {
    /// All that decides what anything costs, as text: stored costs hold for as long as it stays the same.
    pub fn basis(&self) -> String {
        format!("{self:?} {}", list::built_in())
    }

    /// The charge for what Athena told, submitted at `at` in `scope`: the first rule that matches.
    pub fn charge(
        &self,
        scope: &Scope,
        workgroup: Option<&str>,
        execution: &QueryExecution,
        at: DateTime<Utc>,
    ) -> Charge {
        let scanned = execution.scanned_bytes.unwrap_or(0);
        let rule = self.rule(scope, workgroup, execution, scanned, at);
        let megabyte = self.unit.megabyte();
        let billed_bytes = match rule {
            BillingRule::Unknown | BillingRule::Pending => return Charge::unpriced(rule),
            BillingRule::FreeFailed
            | BillingRule::Capacity
            | BillingRule::FreeReused
            | BillingRule::FreeDdl => return Charge::free(rule),
            BillingRule::Minimum => 10 * megabyte,
            BillingRule::Scan => scanned.div_ceil(megabyte).saturating_mul(megabyte),
        };
        let price = self.list.price(&scope.region, at.date_naive());
        Charge {
            rule,
            billed_bytes,
            cost: price.map(|(per_terabyte, _)| cost(billed_bytes, per_terabyte, self.unit)),
            price_source: price.map(|(_, source)| source),
        }
    }

    fn rule(
        &self,
        scope: &Scope,
        workgroup: Option<&str>,
        execution: &QueryExecution,
        scanned: u64,
        at: DateTime<Utc>,
    ) -> BillingRule {
        match execution.state {
            State::Queued | State::Running => return BillingRule::Pending,
            State::Failed => return BillingRule::FreeFailed,
            State::Succeeded | State::Cancelled => {}
        }
        if self.capacity.iter().any(|capacity| capacity.holds(scope, workgroup, at)) {
            return BillingRule::Capacity;
        }
        if execution.reused && self.reused == Reused::Free {
            return BillingRule::FreeReused;
        }
        if scanned == 0 && !execution.reused {
            let told = execution.statement_type.as_deref();
            let explain = execution.substatement_type.as_deref() == Some("EXPLAIN");
            let free = self.zero_scan == ZeroScan::Free;
            if matches!(told, Some("DDL" | "UTILITY")) || explain || free {
                return BillingRule::FreeDdl;
            }
        }
        if scanned < 10 * self.unit.megabyte() { BillingRule::Minimum } else { BillingRule::Scan }
    }
}

/// Bytes at a price per terabyte, half a nano-dollar up.
fn cost(billed_bytes: u64, per_terabyte: NanoUsd, unit: Unit) -> NanoUsd {
    let terabyte = i128::from(unit.terabyte());
    let exact = i128::from(billed_bytes) * i128::from(per_terabyte.0);
    let rounded = (exact + terabyte / 2).div_euclid(terabyte);
    NanoUsd(i64::try_from(rounded).unwrap_or(i64::MAX))
}
