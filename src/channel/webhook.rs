//! A generic webhook: versioned JSON, signed as the Standard Webhooks specification has it.
//!
//! `webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::RequestBuilder;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use ring::hmac;
use serde_json::json;

use super::{SendError, idempotency_key};
use crate::config::secret::{Source, exposed};
use crate::domain::alert::Message;
use crate::report::alert;

/// Of the body. Keys are added freely; a changed meaning is a new version.
pub const VERSION: u32 = 1;

pub(super) fn request(
    request: RequestBuilder,
    channel: &str,
    message: &Message,
    at: i64,
    secret: Option<&str>,
    custom: &[(String, Source)],
) -> Result<RequestBuilder, SendError> {
    let id = idempotency_key(message, channel);
    let body = body(message, at).to_string();
    let mut request = request
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", &id)
        .header("webhook-timestamp", at.to_string());
    if let Some(secret) = secret {
        request = request.header("webhook-signature", signature(&key(secret)?, &id, at, &body));
    }
    Ok(request.headers(headers(custom)?).body(body))
}

/// The headers of one's own.
pub(super) fn headers(custom: &[(String, Source)]) -> Result<HeaderMap, SendError> {
    let parse = |(name, value): &(String, Source)| {
        let value = value.read().map_err(SendError::Secret)?;
        let parsed = name.parse::<HeaderName>().ok().zip(HeaderValue::from_str(exposed(&value)).ok());
        let (name, mut value) = parsed.ok_or_else(|| SendError::Header(name.clone()))?;
        value.set_sensitive(true);
        Ok((name, value))
    };
    custom.iter().map(parse).collect()
}

/// What is sent: `type`, `version`, `timestamp`, a line of `text`, and `data`.
pub fn body(message: &Message, at: i64) -> serde_json::Value {
    let data = match message {
        Message::Alert(alert) => json!(alert),
        Message::Digest(digest) => json!(digest),
        Message::Test { id } => json!({ "id": id }),
    };
    json!({
        "type": format!("athena_ledger.{}", message.type_name()),
        "version": VERSION,
        "timestamp": chrono::DateTime::from_timestamp(at, 0),
        "text": alert::title(message),
        "data": data,
    })
}

/// The key of a secret such as `whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw`.
pub(super) fn key(secret: &str) -> Result<hmac::Key, SendError> {
    let encoded = secret.strip_prefix("whsec_").unwrap_or(secret);
    let bytes = STANDARD.decode(encoded).map_err(|_| SendError::BadSecret)?;
    let long_enough = Some(bytes).filter(|bytes| !bytes.is_empty()).ok_or(SendError::BadSecret)?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &long_enough))
}

fn signature(key: &hmac::Key, id: &str, at: i64, body: &str) -> String {
    let signed = hmac::sign(key, format!("{id}.{at}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(signed.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_specification() {
        // The example of the Standard Webhooks specification, checked with its Python library.
        let key = key("whsec_plJ3nmyCDGBKInavdOK15jsl").expect("a secret");
        let body = r#"{"event_type":"ping","data":{"success":true}}"#;
        assert_eq!(
            signature(&key, "msg_loFOjxBNrRLzqYUf", 1_731_705_121, body),
            "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="
        );
    }

    #[test]
    fn a_secret_that_is_none_is_told_without_being_shown() {
        let error = key("not base64!").expect_err("refused");
        assert!(!error.to_string().contains("not base64!"));
    }
}
