//! Who may ask, by which name, and what a browser may do with the answer.

use std::net::IpAddr;

use axum::Form;
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, HeaderName, LOCATION,
    REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::Book;
use super::pages;
use crate::config::PageConfig;
use crate::config::secret::{SecretError, exposed};

const COOKIE_NAME: &str = "athena_ledger";
/// A day: then the token is asked for again.
const COOKIE_SECONDS: u32 = 86_400;

/// Scripts, styles and pictures of our own only, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What requests are held against.
#[derive(Debug)]
pub(super) struct Guard {
    hosts: Vec<String>,
    /// Of the token, so that comparing takes no longer for a good guess.
    token: Option<[u8; 32]>,
}

impl Guard {
    pub(super) fn new(config: &PageConfig) -> Result<Self, SecretError> {
        let token = config.token.as_ref().map(|token| token.read()).transpose()?;
        Ok(Self {
            hosts: config.hosts.iter().map(|host| host.to_lowercase()).collect(),
            token: token.map(|token| hash(exposed(&token))),
        })
    }

    /// Addresses, localhost and configured names. Any other name may be somebody else's page that was made to point
    /// here (DNS rebinding).
    fn admits_host(&self, host: &str) -> bool {
        let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
        let name = name.map_or(host, |(name, _)| name).to_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']');
        name == "localhost" || address.parse::<IpAddr>().is_ok() || self.hosts.contains(&name)
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(token) = self.token else { return true };
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let bearer = text(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")).map(hash);
        let cookies = text(COOKIE).unwrap_or_default().split(';');
        let mut cookie =
            cookies.filter_map(|cookie| cookie.trim().strip_prefix(COOKIE_NAME)?.strip_prefix('='));
        bearer == Some(token) || cookie.any(|cookie| hash(cookie) == hash(&session(&token)))
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// What the cookie holds: proof of the token, not the token.
fn session(token: &[u8; 32]) -> String {
    let proof = Sha256::new().chain_update(b"session of the page").chain_update(token).finalize();
    proof.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Refuses names that are not ours.
pub(super) async fn host(State(book): State<Book>, request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri().host()).unwrap_or_default();
    if book.guard.admits_host(host) {
        return next.run(request).await;
    }
    let said = "this name is not one of the page's: ask by address, or add it to [page] hosts\n";
    (StatusCode::MISDIRECTED_REQUEST, said).into_response()
}

/// Refuses who does not know the token, where there is one: browsers are asked for it.
pub(super) async fn token(State(book): State<Book>, request: Request, next: Next) -> Response {
    if book.guard.admits(request.headers()) {
        return next.run(request).await;
    }
    let path = request.uri().path();
    if path.starts_with("/api") || path == "/metrics" || path.contains('.') {
        let said = "a token is needed: Authorization: Bearer ...\n";
        return (StatusCode::UNAUTHORIZED, [("www-authenticate", "Bearer")], said).into_response();
    }
    pages::asked_for_token(StatusCode::UNAUTHORIZED, false)
}

#[derive(serde::Deserialize)]
pub(super) struct Login {
    token: String,
}

pub(super) async fn login(State(book): State<Book>, Form(login): Form<Login>) -> Response {
    match book.guard.token {
        Some(token) if hash(login.token.trim()) == token => {
            let cookie = format!(
                "{COOKIE_NAME}={}; Max-Age={COOKIE_SECONDS}; Path=/; HttpOnly; SameSite=Strict",
                session(&token)
            );
            (StatusCode::SEE_OTHER, [(SET_COOKIE, cookie.as_str()), (LOCATION, "/")]).into_response()
        }
        Some(_) => pages::asked_for_token(StatusCode::UNAUTHORIZED, true),
        None => (StatusCode::SEE_OTHER, [(LOCATION, "/")]).into_response(),
    }
}

pub(super) async fn logout() -> Response {
    let cookie = format!("{COOKIE_NAME}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict");
    (StatusCode::SEE_OTHER, [(SET_COOKIE, cookie.as_str()), (LOCATION, "/login")]).into_response()
}

/// What every answer carries.
pub(super) async fn headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
