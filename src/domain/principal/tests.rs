use serde_json::{Value, json};

use super::*;

const ACCOUNT: &str = "112233445566";

fn of(identity: Value) -> Identified {
    identify(&serde_json::from_value(identity).expect("identities are lenient"), None)
}

fn rung(identity: Value) -> (String, String, PrincipalKind) {
    let principal = of(identity).principal;
    (principal.key.as_str().to_owned(), principal.name, principal.kind)
}

fn assumed(role: &str, session: &str) -> Value {
    json!({
        "type": "AssumedRole",
        "principalId": format!("AROAEXAMPLE:{session}"),
        "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}"),
        "accountId": ACCOUNT,
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": format!("arn:aws:iam::{ACCOUNT}:role/team/{role}"), "userName": role}},
    })
}

#[test]
fn people_of_identity_center_are_one_principal_whatever_the_permission_set() {
    let analyst = rung(assumed("AWSReservedSSO_Analyst_0123456789abcdef", "bea@acme.example"));
    let admin = rung(assumed("AWSReservedSSO_Admin_fedcba9876543210", "bea@acme.example"));
    assert_eq!(analyst, admin);
    assert_eq!(
        analyst,
        ("sso:112233445566/bea@acme.example".into(), "bea@acme.example".into(), PrincipalKind::User)
    );
    // Some records carry the role's own ARN and no session context.
    let bare = rung(json!({
        "type": "AssumedRole", "accountId": ACCOUNT, "principalId": "AROA2DRSAPBKO6NKMASFM:bea@acme.example",
        "arn": format!("arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/eu-central-1/AWSReservedSSO_Admin_ccf1d4a38ab69010"),
    }));
    assert_eq!(bare, analyst);
}

#[test]
fn a_role_is_one_principal_whatever_the_session() {
    let key = rung(assumed("etl", "botocore-session-1795130042"));
    assert_eq!(key, (format!("arn:aws:iam::{ACCOUNT}:role/team/etl"), "etl".into(), PrincipalKind::Service));
    for session in
        ["i-0784406a8a14355fe", "1795130042", "7c2e9d9e-6b1f-4d0c-9f5e-0a1b2c3d4e5f", "airflow", "x,y=@+-."]
    {
        assert_eq!(rung(assumed("etl", session)), key, "{session}");
    }
    let without_issuer = json!({"type": "AssumedRole", "accountId": ACCOUNT, "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/etl/s"), "sessionContext": {"sessionIssuer": {}}});
    assert_eq!(rung(without_issuer).0, format!("arn:aws:iam::{ACCOUNT}:role/etl"));
}

#[test]
fn a_person_behind_a_role_is_named_by_source_identity_or_an_address() {
    assert_eq!(rung(assumed("shared", "bea@acme.example")).0, "session:112233445566/bea@acme.example");
    let mut chained = assumed("shared", "chain-2");
    chained["sessionContext"]["sourceIdentity"] = json!("bea");
    assert_eq!(rung(chained), ("source-identity:112233445566/bea".into(), "bea".into(), PrincipalKind::User));
}

#[test]
fn services_are_told_apart_from_people() {
    for (role, session, service) in [
        ("aws-quicksight-service-role-v0", "QuickSight-RoleSession-1561", "quicksight.amazonaws.com"),
        ("AWSGlueServiceRole-etl", "GlueJobRunnerSession", "glue.amazonaws.com"),
        ("AmazonSageMaker-ExecutionRole-2026", "SageMaker", "sagemaker.amazonaws.com"),
    ] {
        let found = of(assumed(role, session));
        assert_eq!(found.principal.kind, PrincipalKind::Service);
        assert_eq!(found.service.as_deref(), Some(service));
    }
    assert_eq!(
        rung(json!({"type": "AWSService", "invokedBy": "glue.amazonaws.com"})),
        ("glue.amazonaws.com".into(), "glue.amazonaws.com".into(), PrincipalKind::Service)
    );
    // A service that acts for a person leaves the person in charge; Athena's own name says nothing.
    let mut forwarded = json!({"type": "IAMUser", "arn": format!("arn:aws:iam::{ACCOUNT}:user/ann"), "userName": "ann", "invokedBy": "quicksight.amazonaws.com"});
    let through = of(forwarded.clone());
    assert_eq!(
        (through.principal.kind, through.service.as_deref()),
        (PrincipalKind::User, Some("quicksight.amazonaws.com"))
    );
    forwarded["invokedBy"] = json!("athena.amazonaws.com");
    assert_eq!(of(forwarded).service, None);
}

#[test]
fn every_other_shape_is_somebody() {
    use PrincipalKind::{Unknown, User};
    let arn = |rest: &str| format!("arn:aws:iam::{ACCOUNT}:{rest}");
    let cases = [
        (json!({}), "unknown".to_owned(), Unknown),
        (json!({"accountId": ACCOUNT}), format!("account:{ACCOUNT}"), Unknown),
        (
            json!({"accountId": ACCOUNT, "invokedBy": "AWS Internal"}),
            "AWS Internal".to_owned(),
            PrincipalKind::Service,
        ),
        (json!({"type": "IAMUser", "accountId": ACCOUNT, "userName": "ann"}), arn("user/ann"), User),
        (json!({"type": "Root", "accountId": ACCOUNT, "userName": "alias"}), arn("root"), User),
        (
            json!({"type": "AWSAccount", "accountId": ACCOUNT, "principalId": "AIDA"}),
            format!("account:{ACCOUNT}/AIDA"),
            Unknown,
        ),
        (
            json!({"type": "FederatedUser", "accountId": ACCOUNT, "arn": format!("arn:aws:sts::{ACCOUNT}:federated-user/fred"),
                   "sessionContext": {"sessionIssuer": {"arn": arn("user/broker")}}}),
            arn("user/broker/fred"),
            User,
        ),
        (
            json!({"type": "IdentityCenterUser", "onBehalfOf": {"userId": "u-1", "identityStoreArn": "arn:aws:identitystore::1:identitystore/d-1"}}),
            "arn:aws:identitystore::1:identitystore/d-1/user/u-1".to_owned(),
            User,
        ),
        (
            json!({"type": "SAMLUser", "userName": "u@x.example", "identityProvider": "idp="}),
            "idp=/u@x.example".to_owned(),
            User,
        ),
        (
            json!({"type": "Directory", "arn": "arn:aws:ds:us-east-1:1:user/d-1/u", "userName": "u"}),
            "arn:aws:ds:us-east-1:1:user/d-1/u".to_owned(),
            User,
        ),
        (json!({"type": "Unknown", "principalId": "Anonymous"}), "unknown".to_owned(), Unknown),
        (
            json!({"type": "Unknown", "principalId": "", "accountId": ACCOUNT, "userName": ""}),
            format!("account:{ACCOUNT}"),
            Unknown,
        ),
        (
            json!({"type": "NewKind", "arn": arn("user/later"), "userName": "later"}),
            arn("user/later"),
            Unknown,
        ),
    ];
    for (identity, key, kind) in cases {
        let (found, name, found_kind) = rung(identity.clone());
        assert_eq!((found, found_kind), (key, kind), "{identity}");
        assert!(!name.is_empty(), "{identity}");
    }
}

#[test]
fn our_own_calls_are_known_by_role_and_never_by_another_persons_session() {
    let ours = CallerIdentity::parse(&format!("arn:aws:sts::{ACCOUNT}:assumed-role/ledger/athena-ledger"))
        .expect("an ARN");
    assert!(ours.is(&of(assumed("ledger", "another-session")).principal));
    assert!(!ours.is(&of(assumed("etl", "athena-ledger")).principal));
    let sso = "AWSReservedSSO_Admin_0123456789abcdef";
    let person =
        CallerIdentity::parse(&format!("arn:aws:sts::{ACCOUNT}:assumed-role/{sso}/bea@acme.example"))
            .expect("an ARN");
    assert!(person.is(&of(assumed(sso, "bea@acme.example")).principal));
    assert!(!person.is(&of(assumed(sso, "cem@acme.example")).principal));
}
