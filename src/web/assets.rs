//! What pages are made of beside HTML; compiled in, so that they work offline.

use std::io::Read;

use axum::extract::Path;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

/// Apache ECharts, as `charts/build.sh` makes it; kept compressed.
const CHARTS: &[u8] = include_bytes!("assets/charts.js.gz");
const STYLE: &str = include_str!("assets/page.css");
const SCRIPT: &str = include_str!("assets/page.js");

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
/// A new version of the program may bring new ones under the same names.
const AN_HOUR: &str = "private, max-age=3600";

pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match name.as_str() {
        "page.css" => text("text/css; charset=utf-8", STYLE),
        "page.js" => text(JAVASCRIPT, SCRIPT),
        "charts.js" => {
            let accepted =
                headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
            if accepted.contains("gzip") {
                let headers =
                    [(CONTENT_TYPE, JAVASCRIPT), (CONTENT_ENCODING, "gzip"), (CACHE_CONTROL, AN_HOUR)];
                return (headers, CHARTS).into_response();
            }
            let mut plain = Vec::new();
            match flate2::read::GzDecoder::new(CHARTS).read_to_end(&mut plain) {
                Ok(_) => ([(CONTENT_TYPE, JAVASCRIPT), (CACHE_CONTROL, AN_HOUR)], plain).into_response(),
                Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            }
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn text(kind: &'static str, body: &'static str) -> Response {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, AN_HOUR)], body).into_response()
}
