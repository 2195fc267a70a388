//! Usage: sums over executions, by whatever they are grouped by.

/// What usage can be grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    Principal,
    Kind,
    Team,
    Workgroup,
    Client,
    Database,
    Account,
    Region,
    Query,
    /// UTC.
    Hour,
    /// Local to `timezone`.
    Day,
}

impl Dimension {
    pub const ALL: [Self; 11] = [
        Self::Principal,
        Self::Kind,
        Self::Team,
        Self::Workgroup,
        Self::Client,
        Self::Database,
        Self::Account,
        Self::Region,
        Self::Query,
        Self::Hour,
        Self::Day,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Kind => "kind",
            Self::Team => "team",
            Self::Workgroup => "workgroup",
            Self::Client => "client",
            Self::Database => "database",
            Self::Account => "account",
            Self::Region => "region",
            Self::Query => "query",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// Groups that follow each other in time, rather than competing for rank.
    pub fn is_time(self) -> bool {
        matches!(self, Self::Hour | Self::Day)
    }
}

/// Sums over executions. Money is nano-dollars of the priced ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measures {
    pub executions: u64,
    pub failed: u64,
    pub cancelled: u64,
    /// Executions whose cost is not known: never counted as $0.
    pub unpriced: u64,
    pub scanned_bytes: u64,
    pub billed_bytes: u64,
    pub cost: i64,
}

impl Measures {
    pub fn add(&mut self, other: &Self) {
        self.executions += other.executions;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.unpriced += other.unpriced;
        self.scanned_bytes = self.scanned_bytes.saturating_add(other.scanned_bytes);
        self.billed_bytes = self.billed_bytes.saturating_add(other.billed_bytes);
        self.cost = self.cost.saturating_add(other.cost);
    }
}

/// One group of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageLine {
    /// What the group is; empty where the records do not tell.
    pub label: String,
    /// Of a principal its key, of a query its fingerprint.
    pub key: Option<String>,
    /// Of a principal only, as are teams.
    pub kind: Option<String>,
    pub team: Option<String>,
    pub measures: Measures,
}
