use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::aws::{Aws, AwsSettings};
use crate::clock::Clock;
use crate::config::{Config, ScopeConfig};
use crate::simulator::{ACCESS_KEY_ID, Api, Faults, SECRET_ACCESS_KEY, StartSpec, UnknownIds, World, home};

fn noon() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

/// An Athena with `n` finished executions.
async fn athena(n: usize) -> (World, Athena, Vec<ExecutionId>) {
    let clock = Clock::starting_at(noon());
    let world = World::new(clock.clone());
    let ids = (0..n).map(|_| world.start(StartSpec::at(noon() - TimeDelta::hours(1))));
    let ids = ids.map(|id| ExecutionId::parse(&id).expect("an id")).collect();
    let keys = (ACCESS_KEY_ID, SECRET_ACCESS_KEY);
    let collect = Config::default().collect;
    let aws = Aws::new(AwsSettings::in_process(&collect, clock, world.http_client(), keys, home().region));
    let connection = aws.connect(&ScopeConfig::default(), None).await.expect("connected");
    (world, Athena::new(&connection), ids)
}

fn known(answers: &[(ExecutionId, Answer)]) -> usize {
    answers.iter().filter(|(_, answer)| matches!(answer, Answer::Known(_))).count()
}

#[tokio::test(start_paused = true)]
async fn fifty_ids_are_one_call() {
    let (world, athena, ids) = athena(50).await;
    let answers = athena.lookup(&ids).await.expect("answered");
    assert_eq!((answers.len(), known(&answers)), (50, 50));
    assert_eq!(world.calls().of(Api::BatchGetQueryExecution).total(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_id_is_not_found_and_the_others_are_answered() {
    for unknown_ids in [UnknownIds::Unprocessed, UnknownIds::FailTheCall] {
        let (world, athena, ids) = athena(20).await;
        world.set_faults(Faults { unknown_ids, ..Faults::default() });
        world.forget(ids[7].as_str());
        let answers = athena.lookup(&ids).await.expect("answered");
        assert_eq!((answers.len(), known(&answers)), (20, 19), "{unknown_ids:?}");
        assert!(answers.contains(&(ids[7].clone(), Answer::NotFound)), "{unknown_ids:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_batches_every_id_is_asked_singly_and_batches_never_again() {
    let denied = Faults { denied: vec![BATCH.to_owned()], ..Faults::default() };
    for faults in [denied, Faults { batch_unknown: true, ..Faults::default() }] {
        let (world, athena, ids) = athena(5).await;
        world.set_faults(faults);
        assert_eq!(known(&athena.lookup(&ids).await.expect("answered")), 5);
        assert!(athena.batch_unavailable().is_some());
        let asked = world.calls().of(Api::BatchGetQueryExecution).total();
        assert_eq!(known(&athena.lookup(&ids).await.expect("answered")), 5);
        assert_eq!(world.calls().of(Api::BatchGetQueryExecution).total(), asked);
    }
}

#[tokio::test(start_paused = true)]
async fn a_workgroup_that_may_not_be_seen_costs_the_others_of_its_batch_little() {
    let (world, athena, mut ids) = athena(49).await;
    let hidden = StartSpec { workgroup: "hr".to_owned(), ..StartSpec::at(noon() - TimeDelta::hours(1)) };
    ids.insert(20, ExecutionId::parse(&world.start(hidden)).expect("an id"));
    world.set_faults(Faults { denied_workgroups: vec!["hr".to_owned()], ..Faults::default() });
    let answers = athena.lookup(&ids).await.expect("answered");
    assert_eq!((answers.len(), known(&answers)), (50, 49));
    assert!(matches!(answers.iter().find(|(id, _)| *id == ids[20]), Some((_, Answer::Denied(_)))));
    assert!(athena.batch_unavailable().is_none(), "the next batch may have none of that workgroup");
    let calls = world.calls();
    let (batches, singles) =
        (calls.of(Api::BatchGetQueryExecution).total(), calls.of(Api::GetQueryExecution).total());
    assert!(batches <= 7 && singles <= 8, "{batches} batches, {singles} singles");
}

#[tokio::test(start_paused = true)]
async fn a_denied_execution_names_the_missing_permission() {
    let (world, athena, ids) = athena(1).await;
    world.set_faults(Faults { denied: vec![BATCH.to_owned(), GET.to_owned()], ..Faults::default() });
    let answers = athena.lookup(&ids).await.expect("answered");
    assert!(matches!(&answers[0].1, Answer::Denied(reason) if reason.contains(GET)), "{answers:?}");
}

#[tokio::test(start_paused = true)]
async fn garbage_and_throttling_are_waited_out() {
    let (world, athena, ids) = athena(50).await;
    world.set_faults(Faults { garbage: 0.2, throttle: 0.5, seed: 2, ..Faults::default() });
    let (mut asked, mut answered) = (ids, 0);
    for _ in 0..3 {
        // What has no answer after many rounds is asked again, as a pass does.
        let answers = athena.lookup(&asked).await.expect("answered");
        assert_eq!(known(&answers), answers.len(), "{answers:?}");
        answered += answers.len();
        asked.retain(|id| answers.iter().all(|(known, _)| known != id));
        if asked.is_empty() {
            break;
        }
    }
    assert_eq!(answered, 50);
}

#[tokio::test(start_paused = true)]
async fn an_id_that_always_fails_loses_no_other_its_answer() {
    for broken in [0, 25, 49] {
        let (world, athena, ids) = athena(50).await;
        let id = ids[broken].as_str().to_owned();
        world.set_faults(Faults { broken_ids: vec![id], ..Faults::default() });
        let answers = athena.lookup(&ids).await.expect("the others are answered");
        assert_eq!((answers.len(), known(&answers)), (49, 49), "{broken}");
        assert!(athena.batch_unavailable().is_none(), "{broken}");
        athena.lookup(&ids[broken..=broken]).await.expect_err("alone it has nothing to tell");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_in_the_middle_keeps_what_was_answered() {
    let (world, athena, ids) = athena(3).await;
    // Each is asked by itself; the first is answered.
    world.set_faults(Faults {
        batch_unknown: true,
        broken_ids: ids[1..].iter().map(|id| id.as_str().to_owned()).collect(),
        ..Faults::default()
    });
    let answers = athena.lookup(&ids).await.expect("one is answered");
    assert_eq!((answers.len(), known(&answers)), (1, 1));
}
