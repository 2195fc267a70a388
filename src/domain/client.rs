//! Which program asked: user agent and calling service -> [`Client`], a small set of names without versions.
//!
//! A user agent is caller-supplied text: good for telling tools apart, never for trusting anybody.

/// The program behind a call, such as `Athena console` or `PyAthena`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client(String);

/// (part of the user agent, client), the most telling first: libraries name themselves behind the SDK they use.
/// Strings of JDBC 3, ODBC 2, Tableau, Metabase and Grafana are UNVERIFIED.
const CLIENTS: &[(&str, &str)] = &[
    ("Airflow/", "Airflow"),
    ("dbt-athena", "dbt-athena"),
    ("awswrangler/", "awswrangler"),
    ("PyAthena/", "PyAthena"),
    ("Metabase", "Metabase"),
    ("Tableau", "Tableau"),
    ("grafana", "Grafana"),
    ("Grafana", "Grafana"),
    ("Redash", "Redash"),
    ("Superset", "Superset"),
    ("AthenaJDBC", "Athena JDBC"),
    ("athena-jdbc", "Athena JDBC"),
    ("AthenaODBC", "Athena ODBC"),
    ("athena-odbc", "Athena ODBC"),
    ("app/athena-ledger", "athena-ledger"),
    ("Terraform/", "Terraform"),
    ("aws-cli/", "aws-cli"),
    ("Boto3/", "boto3"),
    ("Botocore/", "boto3"),
    ("botocore/", "boto3"),
    ("aws-sdk-java/", "SDK for Java"),
    ("aws-sdk-go", "SDK for Go"),
    ("aws-sdk-nodejs/", "SDK for JavaScript"),
    ("aws-sdk-js/", "SDK for JavaScript"),
    ("aws-sdk-dotnet", "SDK for .NET"),
    ("aws-sdk-rust/", "SDK for Rust"),
    ("aws-sdk-ruby", "SDK for Ruby"),
    ("aws-sdk-php/", "SDK for PHP"),
    ("Mozilla/", "Athena console"),
    ("console.amazonaws.com", "Athena console"),
    ("signin.amazonaws.com", "Athena console"),
    ("aws-internal/", "AWS internal"),
];

const LONGEST: usize = 64;

impl Client {
    /// `console`: the credentials came from a console session.
    pub fn of(user_agent: Option<&str>, service: Option<&str>, console: bool) -> Self {
        let agent = user_agent.unwrap_or_default();
        if service == Some("quicksight.amazonaws.com") {
            return Self("QuickSight".to_owned());
        }
        let known = CLIENTS.iter().find(|(part, _)| agent.contains(part)).map(|(_, client)| *client);
        let known = if console && known.is_none() { Some("Athena console") } else { known };
        if let Some(known) = known {
            return Self(known.to_owned());
        }
        let first = agent.split([' ', '/', ',', '(']).next().unwrap_or_default();
        let clean: String = first.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
        Self(if clean.is_empty() { "unknown".to_owned() } else { clean })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a user agent carries the application name our own SDK clients send.
pub fn is_own_app(user_agent: Option<&str>) -> bool {
    user_agent.is_some_and(|agent| agent.contains("app/athena-ledger"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_told_apart_by_the_most_telling_part() {
        let botocore = "Botocore/1.44.5 ua/2.1 os/linux md/arch#x86_64 lang/python#3.11.7";
        let cases = [
            (botocore.to_owned(), "boto3"),
            (format!("{botocore} PyAthena/4.2.1"), "PyAthena"),
            (format!("{botocore} dbt-athena/1.11.1"), "dbt-athena"),
            (format!("{botocore} Airflow/3.1 AmPP/9.39 Caller/AthenaOperator"), "Airflow"),
            ("sbAthenaJDBCDriver/2.0, aws-internal/3".to_owned(), "Athena JDBC"),
            ("aws-cli/1.11.85 Python/2.7.10 Darwin/16.6.0 botocore/1.5.48".to_owned(), "aws-cli"),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X) Chrome/130".to_owned(), "Athena console"),
            ("aws-sdk-go/1.38.37 (go1.16; linux; amd64) exec-env/AWS_Lambda_go1.x".to_owned(), "SDK for Go"),
            ("MyTool/7.1 (beta)".to_owned(), "MyTool"),
            ("\u{1b}[31m\u{7}".to_owned(), "[31m"),
            (String::new(), "unknown"),
        ];
        for (agent, client) in cases {
            assert_eq!(Client::of(Some(&agent), None, false).as_str(), client, "{agent:?}");
        }
        assert_eq!(Client::of(Some("x/1"), Some("quicksight.amazonaws.com"), false).as_str(), "QuickSight");
        assert_eq!(Client::of(None, None, true).as_str(), "Athena console");
    }
}
