//! The page: what it shows, what it refuses, and that nobody's text is more than text on it. Over real HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use athena_ledger::clock::Clock;
use athena_ledger::config::Config;
use athena_ledger::config::secret::Source;
use athena_ledger::simulator::{Actor, End, StartSpec};
use athena_ledger::web::Page;
use chrono::TimeDelta;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::world::Book;

const TIB: u64 = 1 << 40;
const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=alert(2)> \" ' & <b>";

/// A page over a book, served until it is dropped. Sockets need the machine's own time.
struct Shown {
    address: SocketAddr,
    client: reqwest::Client,
    _stop: tokio_util::sync::DropGuard,
}

impl Shown {
    async fn first(book: &Book, change: impl FnOnce(&mut Config)) -> Self {
        tokio::time::resume();
        Self::new(book, change).await
    }

    async fn new(book: &Book, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = book.config.clone();
        change(&mut config);
        let (clock, any) = (book.clock.clone(), SocketAddr::from(([127, 0, 0, 1], 0)));
        let page = Page::listen(Arc::new(config), clock, any).await.expect("an address is free");
        let (address, stop) = (page.address(), CancellationToken::new());
        tokio::spawn(page.serve(stop.clone()));
        // Needed even where nothing is encrypted; a second installation changes nothing.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self { address, client, _stop: stop.drop_guard() }
    }

    fn request(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("http://{}{path}", self.address))
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.request(path).send().await.expect("answered");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    async fn json(&self, path: &str) -> Value {
        let (status, text) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).expect("JSON")
    }
}

/// A book with three priced executions, one failed, one running; and hostile text wherever people can write.
async fn filled() -> (Book, Vec<String>) {
    let mut book = Book::new();
    book.config.rules = Vec::new();
    let by = |actor: Actor| Arc::new(actor);
    let hostile = by(Actor::user(HOSTILE).agent(HOSTILE));
    let at = |minutes| StartSpec { scanned: TIB, ..StartSpec::at(book.ago(minutes)) };
    let ids = vec![
        book.world.start(StartSpec { by: by(Actor::user("ann")), ..at(70) }),
        book.world.start(StartSpec {
            by: by(Actor::role("etl", "run-1")),
            workgroup: "etl".to_owned(),
            ..at(80)
        }),
        book.world.start(StartSpec {
            by: Arc::clone(&hostile),
            query: format!("SELECT '{HOSTILE}'"),
            workgroup: HOSTILE.to_owned(),
            database: Some(HOSTILE.to_owned()),
            ..at(90)
        }),
        book.world.start(StartSpec { by: hostile, end: End::Failed(HOSTILE.to_owned()), ..at(95) }),
        book.world.start(StartSpec { run: TimeDelta::hours(9), ..at(60) }),
    ];
    book.tick().await;
    (book, ids)
}

#[tokio::test(start_paused = true)]
async fn every_view_opens_and_hostile_text_stays_text() {
    let (book, ids) = filled().await;
    let shown = Shown::first(&book, |_| {}).await;
    let shape = book.row("SELECT query_fingerprint FROM query_log WHERE query_text LIKE '%script%' LIMIT 1");
    let principal: String =
        form_urlencoded::byte_serialize(format!("arn:aws:iam::111122223333:user/{HOSTILE}").as_bytes())
            .collect();
    let mut views = vec![
        "/".to_owned(),
        "/queries".to_owned(),
        "/queries?q=script".to_owned(),
        "/alerts".to_owned(),
        "/coverage".to_owned(),
        "/api".to_owned(),
        "/login".to_owned(),
        format!("/shape/{shape}"),
        format!("/principal?principal={principal}"),
        format!("/?workgroup={principal}"),
    ];
    views.extend(ids.iter().map(|id| format!("/execution/{id}")));
    for view in views {
        let answer = shown.request(&view).send().await.expect("answered");
        assert_eq!(answer.status(), 200, "{view}");
        let policy = answer.headers()["content-security-policy"].to_str().expect("text").to_owned();
        assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
        let html = answer.text().await.expect("text");
        for raw in ["<script>alert", "<img", "onerror=alert(2)>", "& <b>"] {
            assert!(!html.contains(raw), "{view} has {raw}");
        }
        assert!(!html.contains(" style=") && !html.contains("javascript:"), "{view}");
    }
    let (_, overview) = shown.get("/").await;
    assert!(
        overview.contains("&#60;script&#62;") || overview.contains("&lt;script&gt;"),
        "it is shown, as text"
    );
}

#[tokio::test(start_paused = true)]
async fn the_numbers_are_those_of_the_report() {
    let (book, ids) = filled().await;
    let shown = Shown::first(&book, |_| {}).await;
    let usage = shown.json("/api/usage?by=principal").await;
    assert_eq!(usage["total"]["executions"], 5);
    assert_eq!((usage["total"]["failed"].as_u64(), usage["total"]["unpriced"].as_u64()), (Some(1), Some(1)));
    assert_eq!(usage["total"]["cost_nano_usd"], 15_000_000_000_u64);
    let etl = shown.json("/api/usage?by=workgroup&workgroup=etl").await;
    assert_eq!(
        (etl["total"]["executions"].as_u64(), etl["lines"][0]["label"].as_str()),
        (Some(1), Some("etl"))
    );
    let nobody = shown.json("/api/usage?principal=nobody").await;
    assert_eq!(nobody["total"]["executions"], 0);
    let listed = shown.json("/api/queries?limit=2").await;
    assert_eq!(listed["executions"].as_array().map(Vec::len), Some(2));
    let next = listed["next"].as_str().expect("there are more");
    let rest = shown.json(&format!("/api/queries?limit=9&before={next}")).await;
    assert_eq!(rest["executions"].as_array().map(Vec::len), Some(3));
    let failed = shown.json("/api/queries?state=FAILED&q=SCRIPT").await;
    assert_eq!(failed["executions"][0]["execution_id"], ids[3].as_str());
    let running = shown.json(&format!("/api/executions/{}", ids[4])).await;
    assert_eq!(running["executions"][0]["cost_nano_usd"], Value::Null, "unknown, not $0");
    let (_, page) = shown.get("/").await;
    assert!(page.contains("$15.00+"), "something of it is not priced");
    let (status, _) = shown.get("/api/executions/no-such-id").await;
    assert_eq!(status, 404);
    let (status, said) = shown.get("/?since=yesterday-ish").await;
    assert!(status == 400 && said.contains("is no time"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_was_seen_to_start_is_found_like_any_principal() {
    let (book, _) = filled().await;
    let missed = StartSpec { scanned: TIB, shown_after: None, ..StartSpec::at(book.ago(65)) };
    let id = book.world.start(missed);
    book.world.read(&athena_ledger::simulator::home(), book.ago(5), Actor::user("curious"), &id);
    book.wait(TimeDelta::hours(1)).await;
    book.tick().await;
    let shown = Shown::first(&book, |_| {}).await;
    let listed = shown.json("/api/queries?principal=unattributed").await;
    assert_eq!(listed["executions"][0]["execution_id"], id.as_str());
    assert_eq!(listed["executions"].as_array().map(Vec::len), Some(1));
    let (_, page) = shown.get("/principal?principal=unattributed").await;
    assert!(page.contains(&format!("/execution/{id}")) && page.contains("$5.00"), "{page}");
    let unknown = shown.json("/api/usage?kind=unknown").await;
    assert_eq!(unknown["total"]["executions"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_download_is_csv_that_no_spreadsheet_runs() {
    let mut book = Book::new();
    book.config.rules = Vec::new();
    let query = "=HYPERLINK(\"http://evil.example\", \"x\")\n, 2".to_owned();
    book.world.start(StartSpec { query: query.clone(), ..StartSpec::at(book.ago(60)) });
    book.tick().await;
    let shown = Shown::first(&book, |_| {}).await;
    let (status, text) = shown.get("/queries.csv").await;
    assert_eq!(status, 200);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("CSV")).collect();
    let column =
        reader.headers().expect("a head").iter().position(|name| name == "query_text").expect("a column");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0][column], format!("'{query}"));
}

#[tokio::test(start_paused = true)]
async fn other_names_and_strangers_are_refused() {
    let (book, _) = filled().await;
    let shown = Shown::first(&book, |config| config.page.hosts = vec!["ledger.example".to_owned()]).await;
    let port = shown.address.port();
    for (host, status) in [
        ("evil.example".to_owned(), 421),
        (format!("127.0.0.1.evil.example:{port}"), 421),
        (format!("localhost:{port}"), 200),
        ("ledger.example".to_owned(), 200),
        (format!("[::1]:{port}"), 200),
    ] {
        let answer = shown.request("/").header("host", &host).send().await.expect("answered");
        assert_eq!(answer.status(), status, "{host}");
    }
    let file = book.folder().join("token");
    std::fs::write(&file, "a long token of the page\n").expect("written");
    let guarded = Shown::new(&book, |config| config.page.token = Some(Source::File(file))).await;
    for path in ["/", "/api/usage", "/metrics", "/queries.csv", "/execution/x"] {
        let (status, text) = guarded.get(path).await;
        assert_eq!(status, 401, "{path}");
        assert!(!text.contains("111122223333"), "{path}");
        let right =
            guarded.request(path).bearer_auth("a long token of the page").send().await.expect("answered");
        assert_ne!(right.status(), 401, "{path}");
        let wrong =
            guarded.request(path).bearer_auth("a long token of the pag").send().await.expect("answered");
        assert_eq!(wrong.status(), 401, "{path}");
    }
    assert_ne!(guarded.get("/healthz").await.0, 401, "a load balancer has no token, and learns nothing");
    let login = |token: &str| {
        guarded
            .client
            .post(format!("http://{}/login", guarded.address))
            .body(format!("token={token}"))
            .header("content-type", "application/x-www-form-urlencoded")
    };
    assert_eq!(login("wrong").send().await.expect("answered").status(), 401);
    let answer = login("a+long+token+of+the+page").send().await.expect("answered");
    let cookie = answer.headers()["set-cookie"].to_str().expect("text").to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains("token"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().expect("a value").to_owned();
    let answer = guarded.request("/").header("cookie", cookie).send().await.expect("answered");
    assert_eq!(answer.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn metrics_are_of_complete_ticks_and_health_is_freshness() {
    let (book, _) = filled().await;
    let shown = Shown::first(&book, |_| {}).await;
    let (_, metrics) = shown.get("/metrics").await;
    let value = |name: &str| {
        let lines = metrics.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>()
    };
    assert_eq!(value("athena_ledger_executions_total"), 5.0);
    assert_eq!(value("athena_ledger_cost_usd_total"), 15.0);
    assert_eq!(value("athena_ledger_unpriced"), 1.0);
    assert_eq!(value("athena_ledger_ticks_total"), 1.0);
    assert!(value("athena_ledger_api_calls_total") >= 5.0);
    assert!(metrics.ends_with("# EOF\n"));
    // Names of people are bounded, and escaped.
    assert!(metrics.lines().filter(|line| line.starts_with("athena_ledger_today_cost_usd{")).count() <= 21);
    assert_eq!(shown.get("/healthz").await, (200, "ok\n".to_owned()));
    let stale = Clock::starting_at(book.clock.now() + TimeDelta::hours(4));
    let old = Book { clock: stale, ..book };
    let shown = Shown::new(&old, |_| {}).await;
    let (status, said) = shown.get("/healthz").await;
    assert!(status == 503 && said.starts_with("stale: as of 2026-11-21 12:00"), "{said}");
    assert!(shown.get("/").await.1.contains("is the collector running?"));
}

#[tokio::test(start_paused = true)]
async fn a_book_that_is_not_there_or_empty_is_told_and_never_made() {
    let book = Book::new();
    let shown = Shown::first(&book, |_| {}).await;
    let (status, text) = shown.get("/").await;
    assert!(status == 503 && text.contains("there is no"), "{text}");
    assert!(!book.config.store.path.exists());
    drop(book.open().expect("the store opens"));
    let (status, text) = shown.get("/").await;
    assert!(status == 200 && text.contains("Nothing was collected yet"), "{text}");
    for path in ["/queries", "/coverage", "/alerts", "/metrics", "/api/now", "/api/usage", "/queries.csv"] {
        assert_eq!(shown.get(path).await.0, 200, "{path}");
    }
}
