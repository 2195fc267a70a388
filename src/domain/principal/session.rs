//! What the name of a role or of its session tells.

/// A person's session: `name@host.tld`. Role session names hold letters, digits and `_+=,.@-` only (STS API).
pub(super) fn is_email(session: &str) -> bool {
    let Some((name, host)) = session.split_once('@') else { return false };
    let host_ok = host.split('.').count() >= 2 && host.split('.').all(|part| !part.is_empty());
    !name.is_empty() && host_ok && !host.contains('@')
}

/// (part of a role's name, how its sessions begin, the service that uses them). Either part may be empty.
const SERVICES: &[(&str, &str, &str)] = &[
    ("aws-quicksight", "", "quicksight.amazonaws.com"),
    ("", "QuickSight-RoleSession", "quicksight.amazonaws.com"),
    ("AWSGlueServiceRole", "", "glue.amazonaws.com"),
    ("", "GlueJobRunnerSession", "glue.amazonaws.com"),
    ("AmazonSageMaker", "", "sagemaker.amazonaws.com"),
    ("", "SageMaker", "sagemaker.amazonaws.com"),
    ("AWSServiceRoleForAmazonDataZone", "", "datazone.amazonaws.com"),
    ("AmazonGrafana", "", "grafana.amazonaws.com"),
];

/// The service a role or session name gives away, where the record itself names none.
pub(super) fn service_of(role: Option<&str>, session: Option<&str>) -> Option<String> {
    let (role, session) = (role?, session.unwrap_or_default());
    let fits = |part: &str, start: &str| {
        (part.is_empty() || role.contains(part)) && (start.is_empty() || session.starts_with(start))
    };
    SERVICES.iter().find(|(part, start, _)| fits(part, start)).map(|(.., service)| (*service).to_owned())
}
