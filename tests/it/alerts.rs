//! What is told, to whom, and how often: rules over a real book, channels over real HTTP.

use std::time::Duration;

use athena_ledger::channel::{Channel, idempotency_key};
use athena_ledger::config::secret::Source;
use athena_ledger::config::{ChannelConfig, ChannelKind, Config};
use athena_ledger::domain::alert::{Amount, Message};
use athena_ledger::simulator::receiver::{Answer, Receiver};
use athena_ledger::simulator::{Actor, End, StartSpec};
use athena_ledger::stages;
use athena_ledger::store::Store;
use chrono::TimeDelta;

use crate::world::Book;

const TIB: u64 = 1 << 40;

/// A book with these rules, and channels called `a` and `b` that nobody answers at.
fn book(rules: &str) -> Book {
    let mut book = Book::new();
    let config = Config::parse(rules, "test.toml".as_ref()).expect("valid rules");
    book.config.rules = config.rules;
    book.config.timezone = config.timezone;
    book.config.channels = ["a", "b"].map(|name| webhook(name, "http://127.0.0.1:9/")).into();
    book
}

const BUSY: &str = "[[rule]]\nname = 'busy'\nkind = 'threshold'\nlimit = '1 TB'\n";

fn webhook(name: &str, url: &str) -> ChannelConfig {
    ChannelConfig {
        name: name.to_owned(),
        kind: ChannelKind::Webhook,
        url: Source::Here(url.to_owned()),
        secret: None,
        headers: Vec::new(),
    }
}

#[tokio::test]
async fn what_a_receiver_repeats_of_an_address_or_a_header_is_never_kept() {
    let receiver = Receiver::start().await.expect("listens");
    receiver.answer([], Answer::Echo);
    let url = format!("{}/T0123/s3cr3t-token?key=s3cr3t-key", receiver.url());
    let (book, store, channels) = owed(&[&url]).await;
    stages::deliver(&store, &channels, &book.clock, &book.stop).await.expect("a round");
    let error = book.row("SELECT DISTINCT error FROM alert_log WHERE error IS NOT NULL");
    assert_eq!(error, "HTTP 404 Not Found: Cannot POST /hook/T0123/[secret]?[secret] HTTP/1.1");
}

/// Hangs for good at one channel: the other gets what is found meanwhile.
#[tokio::test]
async fn a_channel_that_hangs_delays_no_other() {
    let (sick, well) = (Receiver::start().await.expect("listens"), Receiver::start().await.expect("listens"));
    sick.answer([], Answer::Hang);
    let (book, store, channels) = owed(&[sick.url(), well.url()]).await;
    let [hanging, other] = channels.as_slice() else { panic!("two channels") };
    let hanging = stages::deliver_to(&store, hanging, &book.clock, &book.stop);
    tokio::pin!(hanging);
    let delivered = tokio::select! {
        _ = &mut hanging => panic!("it hangs"),
        done = stages::deliver_to(&store, other, &book.clock, &book.stop) => done.expect("a round").delivered,
    };
    assert_eq!(delivered, 3);
}

fn scan(book: &Book, minutes: i64, bytes: u64) {
    book.world.start(StartSpec { scanned: bytes, ..StartSpec::at(book.ago(minutes)) });
}

/// A tick of the service with its alerts; returns how many are new.
async fn judged(book: &Book) -> u64 {
    let ctx = book.ctx().await;
    let report = stages::tick(&ctx, None).await.expect("the tick ends");
    let new = stages::judge(&ctx).await.expect("judged");
    drop(ctx);
    book.assert_laws(&report);
    new
}

fn told(book: &Book) -> Vec<String> {
    book.rows("SELECT DISTINCT title FROM alert_log ORDER BY found_epoch, title")
}

#[tokio::test(start_paused = true)]
async fn trap_24_one_alert_per_subject_period_and_level_whatever_the_restarts_and_overlaps() {
    let book = book(BUSY);
    judged(&book).await;
    book.wait(TimeDelta::hours(1)).await;
    scan(&book, -30, TIB);
    book.wait(TimeDelta::minutes(5)).await;
    assert_eq!(judged(&book).await, 1);
    // Every tick is a new process here, and reads the last half hour again.
    for _ in 0..3 {
        book.wait(TimeDelta::minutes(5)).await;
        assert_eq!(judged(&book).await, 0);
    }
    // A little more is no news; twice as much is.
    scan(&book, -40, TIB / 2);
    book.wait(TimeDelta::hours(1)).await;
    assert_eq!(judged(&book).await, 0);
    scan(&book, -50, TIB / 2);
    book.wait(TimeDelta::hours(24)).await;
    assert_eq!(judged(&book).await, 1, "found late, by the daily second reading");
    assert_eq!(
        told(&book),
        [
            "All of Athena: 1.0 TiB in 2026-11-21 12:00 UTC (limit 1.0 TiB)",
            "All of Athena: 2.0 TiB in 2026-11-21 12:00 UTC (limit 1.0 TiB)",
        ]
    );
    assert_eq!(book.row("SELECT count(*) FROM outbox"), "4", "one row per alert and channel");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_of_what_ended_before_the_first_start_or_over_26_hours_ago() {
    let mut book = book(BUSY);
    book.config.collect.first_span = TimeDelta::days(7);
    for hours in 1..(7 * 24) {
        scan(&book, hours * 60, 3 * TIB);
    }
    assert_eq!(judged(&book).await, 0);
    // Thirty hours without anybody: what is older than 26 of them is history by now.
    scan(&book, -60, 3 * TIB);
    scan(&book, -20 * 60, 3 * TIB);
    book.wait(TimeDelta::hours(30)).await;
    assert_eq!(judged(&book).await, 1);
    assert_eq!(told(&book), ["All of Athena: 3.0 TiB in 2026-11-22 08:00 UTC (limit 1.0 TiB)"]);
}

#[tokio::test(start_paused = true)]
async fn backfills_and_files_never_alert_not_even_of_yesterday() {
    let book = book(BUSY);
    judged(&book).await;
    scan(&book, 50 * 60, 3 * TIB);
    let window = athena_ledger::domain::window::Window::new(book.ago(60 * 60), book.ago(40 * 60));
    book.pass(window).await;
    assert_eq!(book.row("SELECT count(*) FROM query_log"), "1");
    assert_eq!(judged(&book).await, 0);
    scan(&book, -60, 3 * TIB);
    book.wait(TimeDelta::hours(5)).await;
    let path = book.folder().join("trail.json");
    let records = book.world.records(&athena_ledger::simulator::home()).join(",");
    std::fs::write(&path, format!("{{\"Records\":[{records}]}}")).expect("written");
    book.read_files(&[path]).await;
    assert_eq!(book.row("SELECT sum(scanned_bytes) FROM query_log"), (6 * TIB).to_string());
    // The hour before noon had begun to be read; the one that only the file tells of is not for rules.
    let judged = "SELECT datetime(hour, 'unixepoch') FROM to_judge";
    assert_eq!(book.rows(judged), ["2026-11-21 11:00:00"]);
}

#[tokio::test(start_paused = true)]
async fn a_backfill_swallows_no_alert_of_hours_that_are_read_anyway() {
    let book = book(BUSY);
    judged(&book).await;
    // Submitted before a tick, shown after it, and found by somebody's backfill first.
    let late = StartSpec {
        scanned: 3 * TIB,
        shown_after: Some(TimeDelta::minutes(20)),
        ..StartSpec::at(book.ago(-55))
    };
    book.world.start(late);
    book.wait(TimeDelta::minutes(65)).await;
    assert_eq!(judged(&book).await, 0, "CloudTrail has not shown it yet");
    book.wait(TimeDelta::minutes(40)).await;
    let window = athena_ledger::domain::window::Window::new(book.ago(120), book.clock.now());
    book.pass(window).await;
    assert_eq!(book.row("SELECT count(*) FROM query_log"), "1");
    assert_eq!(judged(&book).await, 1);
}

#[tokio::test(start_paused = true)]
async fn credentials_that_stop_working_are_told_whatever_the_config_names() {
    let book = book("[[rule]]\nname = 'blind'\nkind = 'gap'\n");
    judged(&book).await;
    // The default scope: nothing tells its account but the answer that does not come any more.
    book.world.set_faults(athena_ledger::simulator::Faults {
        expired: 1.0,
        only: Some(athena_ledger::simulator::Api::GetCallerIdentity),
        ..athena_ledger::simulator::Faults::default()
    });
    let mut told_of = 0;
    for _ in 0..6 {
        book.wait(TimeDelta::hours(1)).await;
        told_of += book.unconnected_tick().await;
    }
    assert_eq!(told_of, 2, "lag and coverage, once each: {:?}", told(&book));
}

#[tokio::test(start_paused = true)]
async fn a_digest_whose_time_passed_while_nobody_ran_is_made_once_the_book_reaches_its_end() {
    let mut book = book(BUSY);
    book.config.digest = Config::parse("[digest]\nat = '23:30'\n", "t".as_ref()).expect("valid").digest;
    judged(&book).await;
    scan(&book, -60, TIB);
    // Off from noon to the next noon: the digest of half past eleven at night was of the day before the book.
    book.wait(TimeDelta::hours(48)).await;
    let store = book.open().expect("the store opens");
    let now = book.clock.now();
    assert_eq!(
        stages::digest(&store, &book.config, now).await.expect("looked"),
        1,
        "two hours late: as it is"
    );
    let messages = book.reader().messages(9).expect("read");
    let [Message::Digest(digest)] = messages.as_slice() else { panic!("a digest: {messages:?}") };
    assert_eq!(digest.period.name, "2026-11-21");
    assert!(digest.coverage.contains("hours complete: the numbers may be too low"), "{}", digest.coverage);
    assert_eq!(stages::digest(&store, &book.config, now).await.expect("looked"), 0);
}
#[tokio::test(start_paused = true)]
async fn what_is_not_priced_is_told_and_never_counted_as_nothing() {
    let book = book("[[rule]]\nname = 'n'\nkind = 'threshold'\nmeasure = 'executions'\nlimit = 2\n");
    judged(&book).await;
    scan(&book, -1, TIB);
    let running = StartSpec { run: TimeDelta::hours(9), ..StartSpec::at(book.ago(-2)) };
    book.world.start(running);
    book.wait(TimeDelta::minutes(20)).await;
    assert_eq!(judged(&book).await, 1);
    let messages = book.reader().messages(9).expect("messages");
    let [Message::Alert(alert)] = messages.as_slice() else { panic!("one alert: {messages:?}") };
    assert_eq!((alert.value, alert.unpriced), (Amount::Executions(2), 1));
    let text = athena_ledger::report::alert::text(&messages[0]);
    assert!(text.contains("1 execution not priced") && text.contains("$5.00+"), "{text}");
    assert!(text.contains("Coverage: not due yet"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_rule_finds_what_it_is_for() {
    let rules = "
        [[rule]]
        name = 'person'
        kind = 'threshold'
        subject = 'principal'
        measure = 'cost'
        period = 'day'
        limit = '$5'
        filter = { principal = '*/ann' }
        [[rule]]
        name = 'one'
        kind = 'threshold'
        subject = 'execution'
        limit = '2 TB'
        [[rule]]
        name = 'month'
        kind = 'budget'
        limit = '$20'
        [[rule]]
        name = 'broken'
        kind = 'failing'
        limit = 3
        [[rule]]
        name = 'blind'
        kind = 'gap'";
    let mut book = book(rules);
    book.config.alerts.page = Some("https://ledger.example".to_owned());
    judged(&book).await;
    let actor = |name: &str| std::sync::Arc::new(Actor::user(name));
    for (name, bytes) in [("ann", TIB), ("bob", 2 * TIB)] {
        book.world.start(StartSpec { scanned: bytes, by: actor(name), ..StartSpec::at(book.ago(-10)) });
    }
    for n in 0..3 {
        let end = End::Failed("COLUMN_NOT_FOUND: Column 'jane@acme.example' cannot be resolved".to_owned());
        let query = format!("SELECT secret FROM people WHERE name = 'jane{n}'");
        book.world.start(StartSpec { query, end, ..StartSpec::at(book.ago(-11)) });
    }
    book.wait(TimeDelta::minutes(30)).await;
    assert_eq!(judged(&book).await, 4);
    let mut titles = told(&book);
    titles.sort();
    insta::assert_snapshot!(titles.join("\n"), @r"
    All of Athena: $15.00 in 2026-11, of a budget of $20.00
    One execution: 2.0 TiB (limit 2.0 TiB)
    One query failed 3 times in 2026-11-21 12:00 UTC
    ann: $5.00 in 2026-11-21 (limit $5.00)
    ");
    let messages = book.reader().messages(9).expect("messages");
    let all = serde_json::to_string(&messages).expect("JSON");
    assert!(!all.contains("jane"), "literals stay at home: {all}");
    assert!(all.contains("https://ledger.example/?since=2026-11-21T12:00:00Z"), "{all}");
    // Five hours without a word from CloudTrail.
    book.world.set_faults(athena_ledger::simulator::Faults {
        denied: vec!["cloudtrail:LookupEvents".to_owned()],
        ..athena_ledger::simulator::Faults::default()
    });
    book.wait(TimeDelta::hours(5)).await;
    let ctx = book.ctx().await;
    stages::tick(&ctx, None).await.expect("the tick ends");
    let new = stages::judge(&ctx).await.expect("judged");
    drop(ctx);
    let blind =
        told(&book).into_iter().filter(|title| title.starts_with("111122223333/")).collect::<Vec<_>>();
    assert_eq!((new, blind.len()), (2, 2), "lag and coverage: {blind:?}");
}

#[tokio::test(start_paused = true)]
async fn a_digest_is_made_once_a_day_at_its_time() {
    let book =
        book("timezone = 'Europe/Berlin'\n[digest]\nat = '08:00'\n[[rule]]\nname = 'x'\nkind = 'gap'\n");
    let mut book = book;
    book.config.digest = Config::parse("[digest]\nat = '08:00'\n", "t".as_ref()).expect("valid").digest;
    judged(&book).await;
    scan(&book, -60, TIB);
    let mut made = Vec::new();
    for hour in 0..50 {
        book.wait(TimeDelta::hours(1)).await;
        judged(&book).await;
        let store = book.open().expect("the store opens");
        let now = book.clock.now();
        let new = stages::digest(&store, &book.config, now).await.expect("made");
        assert!(!stages::digest_is_missing(&book.reader(), &book.config, now).expect("known"));
        if new > 0 {
            made.push(format!("{hour} {}", now.format("%F %H")));
        }
    }
    // 08:00 in Berlin is 07:00 UTC; the day before the first start has ended before it.
    assert_eq!(made, ["18 2026-11-22 07", "42 2026-11-23 07"]);
    let titles = book.rows("SELECT DISTINCT title FROM alert_log WHERE rule = 'digest' ORDER BY 1");
    assert_eq!(titles[0], "Athena on 2026-11-21: $5.00 billed, 1.0 TiB scanned by 1 execution");
}

/// Four weeks in Cairo in which clocks go forward (2010-09-10) and back (2010-10-01).
#[tokio::test(start_paused = true)]
async fn four_weeks_of_ticks_over_two_clock_changes_judge_each_hour_and_day_once() {
    let rules = "timezone = 'Africa/Cairo'
        [[rule]]
        name = 'hour'
        kind = 'threshold'
        measure = 'executions'
        limit = 1
        [[rule]]
        name = 'day'
        kind = 'threshold'
        measure = 'executions'
        period = 'day'
        limit = 1";
    let start = "2010-09-05T22:00:00Z".parse().expect("an instant");
    let mut book = book(rules);
    book.clock = athena_ledger::clock::Clock::starting_at(start);
    book.world = athena_ledger::simulator::World::new(book.clock.clone());
    book.config.collect.read_names_budget = Some(TimeDelta::zero());
    let ctx = book.ctx().await;
    let hours = 28 * 24;
    for hour in 0..hours {
        book.world.start(StartSpec::at(start + TimeDelta::hours(hour) + TimeDelta::minutes(20)));
    }
    let mut new = 0;
    for _ in 0..=hours {
        stages::tick(&ctx, None).await.expect("the tick ends");
        new += stages::judge(&ctx).await.expect("judged");
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
    drop(ctx);
    let found = "SELECT count(*), count(DISTINCT period) FROM alert WHERE rule";
    assert_eq!(book.row(&format!("{found} = 'hour'")), format!("{hours} | {hours}"));
    // A day's count doubles: 1, 2, 4, 8 and 16 executions are a level each.
    assert_eq!(book.row("SELECT count(DISTINCT period) FROM alert WHERE rule = 'day'"), "28");
    assert_eq!(
        book.row("SELECT max(n) FROM (SELECT count(*) n FROM alert WHERE rule = 'day' GROUP BY period)"),
        "5"
    );
    assert!(new > hours as u64);
    assert_eq!(book.row("SELECT count(*) FROM to_judge"), "0");
    let longest = "SELECT day, sum(executions) FROM usage_daily GROUP BY 1 ORDER BY 2 DESC LIMIT 1";
    assert_eq!(book.row(longest), "2010-09-30 | 25", "the day on which clocks go back");
}

/// Three alerts owed to channels at these addresses; real time, as sockets need it.
async fn owed(urls: &[&str]) -> (Book, Store, Vec<Channel>) {
    tokio::time::pause();
    let mut book =
        book("[[rule]]\nname = 'one'\nkind = 'threshold'\nsubject = 'execution'\nlimit = '1 GB'\n");
    book.config.channels = urls.iter().enumerate().map(|(n, url)| webhook(&format!("c{n}"), url)).collect();
    judged(&book).await;
    for _ in 0..3 {
        scan(&book, -1, TIB);
    }
    book.wait(TimeDelta::minutes(20)).await;
    assert_eq!(judged(&book).await, 3);
    let store = book.open().expect("the store opens");
    let channels =
        book.config.channels.iter().map(Channel::new).collect::<Result<Vec<_>, _>>().expect("channels");
    tokio::time::resume();
    (book, store, channels)
}

/// A minute of the service: simulated time passes while nothing is sent.
async fn a_minute_later(book: &Book, store: &Store, channels: &[Channel]) -> stages::Delivered {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(60)).await;
    tokio::time::resume();
    stages::deliver(store, channels, &book.clock, &book.stop).await.expect("a round")
}

fn keys(receiver: &Receiver, answer: &Answer) -> Vec<String> {
    let all = receiver.received().into_iter().filter(|received| received.answer == *answer);
    all.filter_map(|received| received.header("webhook-id").map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_receiver_that_is_down_then_slow_then_busy_gets_everything_in_order_and_delays_no_other() {
    let (sick, well) = (Receiver::start().await.expect("listens"), Receiver::start().await.expect("listens"));
    sick.answer([], Answer::Status(503));
    let (book, store, channels) = owed(&[sick.url(), well.url()]).await;
    assert_eq!(
        stages::deliver(&store, &channels, &book.clock, &book.stop).await.expect("a round").delivered,
        3
    );
    assert_eq!(well.received().len(), 3, "the dead channel holds up no other");
    for _ in 0..(6 * 60) {
        a_minute_later(&book, &store, &channels).await;
    }
    let tries = sick.received().len();
    assert!((10..40).contains(&tries), "backing off: {tries} tries in six hours");
    assert!(
        keys(&sick, &Answer::Status(503)).windows(2).all(|pair| pair[0] == pair[1]),
        "the first blocks the rest"
    );
    // Slow and then busy: the wish of ten minutes is granted.
    sick.answer([Answer::Slow(150), Answer::TooMany(600)], Answer::Status(200));
    let before = book.clock.now();
    let mut waited = None;
    for _ in 0..60 {
        a_minute_later(&book, &store, &channels).await;
        if !keys(&sick, &Answer::Status(200)).is_empty() {
            waited = Some(book.clock.now() - before);
            break;
        }
    }
    assert!(waited.expect("delivered within the hour") >= TimeDelta::minutes(10));
    let order: Vec<String> =
        book.reader().messages(9).expect("messages").iter().map(|m| idempotency_key(m, "c0")).collect();
    let arrived = [keys(&sick, &Answer::Slow(150)), keys(&sick, &Answer::Status(200))].concat();
    assert_eq!(arrived, order, "all, in order");
    assert_eq!(book.row("SELECT count(*) FROM outbox WHERE delivered_at IS NULL"), "0");
}

#[tokio::test]
async fn redirects_are_not_followed_resets_are_tried_again_and_refused_messages_hold_up_no_other() {
    let (elsewhere, receiver) =
        (Receiver::start().await.expect("listens"), Receiver::start().await.expect("listens"));
    let redirect = Answer::Redirect(elsewhere.url().to_owned());
    let script = [redirect.clone(), Answer::Reset, Answer::Status(400)];
    receiver.answer(script, Answer::Status(200));
    let (book, store, channels) = owed(&[receiver.url()]).await;
    let first = stages::deliver(&store, &channels, &book.clock, &book.stop).await.expect("a round");
    assert_eq!((first.delivered, first.failed), (0, 1));
    assert!(elsewhere.received().is_empty());
    assert_eq!(book.row("SELECT error FROM outbox WHERE error IS NOT NULL"), "HTTP 302 Found");
    let mut rounds = Vec::new();
    for _ in 0..20 {
        rounds.push(a_minute_later(&book, &store, &channels).await);
    }
    let total: u64 = rounds.iter().map(|round| round.delivered).sum();
    assert_eq!(total, 3);
    // The first was refused as a message: the two behind it arrived before it.
    let order: Vec<String> =
        book.reader().messages(9).expect("messages").iter().map(|m| idempotency_key(m, "c0")).collect();
    assert_eq!(keys(&receiver, &Answer::Status(200)), [&order[1], &order[2], &order[0]].map(Clone::clone));
}

#[tokio::test]
async fn each_kind_of_channel_meets_every_kind_of_answer() {
    let receiver = Receiver::start().await.expect("listens");
    let message = Message::Test { id: "t".to_owned() };
    for kind in [ChannelKind::Slack, ChannelKind::Webhook] {
        let channel =
            Channel::new(&ChannelConfig { kind, ..webhook("c", receiver.url()) }).expect("a channel");
        let answers = [
            (Answer::Status(200), None),
            (Answer::Status(500), Some("HTTP 500 Internal Server Error")),
            (Answer::Status(410), Some("HTTP 410 Gone")),
            (Answer::TooMany(7), Some("HTTP 429 Too Many Requests")),
            (Answer::Redirect("http://127.0.0.1:9/".to_owned()), Some("HTTP 302 Found")),
            (Answer::Reset, Some("the connection broke")),
        ];
        for (answer, expected) in answers {
            receiver.answer([answer.clone()], Answer::Status(200));
            let sent = channel.send(&message, 0).await;
            match (sent, expected) {
                (Ok(()), None) => {}
                (Err(error), Some(expected)) => {
                    assert!(error.to_string().starts_with(expected), "{answer:?}: {error}");
                    assert!(!error.to_string().contains("/hook"), "an address may be a secret: {error}");
                    let wish = matches!(answer, Answer::TooMany(_)).then(|| Duration::from_secs(7));
                    assert_eq!(error.retry_after(), wish);
                }
                (sent, expected) => panic!("{answer:?}: {sent:?}, not {expected:?}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_never_answers_is_left_after_a_while() {
    // Simulated time ends the wait at once, which is what would happen to any answer here.
    let receiver = Receiver::start().await.expect("listens");
    receiver.answer([], Answer::Hang);
    let channel = Channel::new(&webhook("c", receiver.url())).expect("a channel");
    let error = channel.send(&Message::Test { id: "t".to_owned() }, 0).await.expect_err("no answer");
    assert!(error.to_string().contains("no answer in time"), "{error}");
}

#[tokio::test]
async fn after_a_day_a_channel_is_given_up_and_retry_begins_anew() {
    let receiver = Receiver::start().await.expect("listens");
    receiver.answer([], Answer::Status(404));
    let (book, store, channels) = owed(&[receiver.url()]).await;
    let mut given_up = 0;
    for _ in 0..(30 * 60) {
        given_up += a_minute_later(&book, &store, &channels).await.given_up;
    }
    assert_eq!(given_up, 3);
    assert_eq!(book.row("SELECT DISTINCT delivery, error FROM alert_log"), "given up | HTTP 404 Not Found");
    receiver.answer([], Answer::Status(200));
    assert_eq!(store.retry(None, book.clock.now()).await.expect("owed again"), 3);
    assert_eq!(a_minute_later(&book, &store, &channels).await.delivered, 3);
}

#[tokio::test]
async fn a_delivery_dropped_after_any_poll_is_made_good_with_the_same_key() {
    let receiver = Receiver::start().await.expect("listens");
    let (book, store, channels) = owed(&[receiver.url()]).await;
    for polls in 0..30 {
        let mut delivery = Box::pin(stages::deliver(&store, &channels, &book.clock, &book.stop));
        for _ in 0..polls {
            tokio::select! {
                biased;
                _ = &mut delivery => break,
                () = tokio::task::yield_now() => {}
            }
        }
    }
    while book.row("SELECT count(*) FROM outbox WHERE delivered_at IS NULL") != "0" {
        stages::deliver(&store, &channels, &book.clock, &book.stop).await.expect("a round");
    }
    let mut arrived = keys(&receiver, &Answer::Status(200));
    arrived.sort();
    arrived.dedup();
    assert_eq!(arrived.len(), 3, "every alert at least once, and no key of another kind");
}
