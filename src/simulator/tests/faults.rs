//! Faults on demand, as the SDK meets them.

use super::*;

async fn batch(world: &World, ids: &[&str]) -> Result<(usize, Vec<String>), String> {
    let ids = Some(ids.iter().map(|id| (*id).to_owned()).collect());
    match athena(world).batch_get_query_execution().set_query_execution_ids(ids).send().await {
        Ok(answer) => {
            let codes = answer.unprocessed_query_execution_ids().iter().filter_map(|id| id.error_code());
            Ok((answer.query_executions().len(), codes.map(str::to_owned).collect()))
        }
        Err(error) => Err(error.into_service_error_or_panic().code().unwrap_or_default().to_owned()),
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_may_be_partly_done_or_refused() {
    let world = world();
    let ours = world.start(StartSpec { workgroup: "ours".to_owned(), ..StartSpec::at(noon()) });
    let theirs = world.start(StartSpec { workgroup: "theirs".to_owned(), ..StartSpec::at(noon()) });
    world.set_faults(Faults { unprocessed: 1.0, ..Faults::default() });
    let codes = vec!["INTERNAL_FAILURE".to_owned(), "INVALID_INPUT".to_owned()];
    assert_eq!(batch(&world, &[&ours, "nobody"]).await, Ok((0, codes)));
    world.set_faults(Faults { denied_workgroups: vec!["theirs".to_owned()], ..Faults::default() });
    assert_eq!(batch(&world, &[&ours]).await, Ok((1, vec![])));
    assert_eq!(batch(&world, &[&ours, &theirs]).await, Err("AccessDeniedException".to_owned()));
    world.set_faults(Faults { batch_unknown: true, ..Faults::default() });
    assert_eq!(batch(&world, &[&ours]).await, Err("UnknownOperationException".to_owned()));
    let asked: Vec<_> = world.requests().iter().map(|seen| (seen.ids, seen.answered)).collect();
    assert_eq!(asked, [(2, true), (1, true), (2, false), (1, false)]);
}

#[tokio::test(start_paused = true)]
async fn a_good_token_may_be_lost_and_a_first_page_never() {
    let world = world();
    world.set_quotas(false);
    start_minutely(&world, 60);
    world.set_faults(Faults { lost_token: 1.0, ..Faults::default() });
    let first = starts(&world).end_time(sdk(noon())).send().await.expect("has no token");
    let token = first.next_token.expect("there are two pages");
    let second = starts(&world).end_time(sdk(noon())).next_token(token).send().await;
    assert_eq!(code_of(second), "InvalidNextTokenException");
}

#[tokio::test(start_paused = true)]
async fn each_fault_reaches_the_client_as_what_it_is() {
    let world = world();
    let id = world.start(StartSpec::at(noon()));
    let ask = async |faults: Faults| {
        world.set_faults(faults);
        athena(&world).get_query_execution().query_execution_id(&id).send().await.err()
    };
    let code = |error: Option<aws_sdk_athena::error::SdkError<_, _>>| {
        let error: aws_sdk_athena::operation::get_query_execution::GetQueryExecutionError =
            error.expect("a fault").into_service_error_or_panic();
        error.code().map(str::to_owned)
    };
    assert_eq!(
        code(ask(Faults { throttle: 1.0, ..Faults::default() }).await).as_deref(),
        Some("ThrottlingException")
    );
    assert_eq!(
        code(ask(Faults { internal: 1.0, ..Faults::default() }).await).as_deref(),
        Some("InternalServerException")
    );
    assert_eq!(
        code(ask(Faults { expired: 1.0, ..Faults::default() }).await).as_deref(),
        Some("ExpiredTokenException")
    );
    let reset = ask(Faults { reset: 1.0, ..Faults::default() }).await.expect("a fault");
    assert!(
        matches!(&reset, aws_sdk_athena::error::SdkError::DispatchFailure(failure) if failure.is_io()),
        "{reset:?}"
    );
    let hang = ask(Faults { hang: 1.0, ..Faults::default() }).await.expect("the read time-out ends it");
    assert!(
        matches!(&hang, aws_sdk_athena::error::SdkError::DispatchFailure(failure) if failure.is_timeout()),
        "{hang:?}"
    );
    assert!(ask(Faults { garbage: 1.0, ..Faults::default() }).await.is_some());
    assert!(ask(Faults::default()).await.is_none());
    let count = world.calls().of(Api::GetQueryExecution);
    assert_eq!(count, Count { answered: 1, throttled: 1, refused: 0, faulted: 5 });
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_makes_the_same_faults() {
    let fates = async |seed| {
        let world = world();
        world.set_quotas(false);
        world.set_faults(Faults { seed, throttle: 0.3, reset: 0.2, ..Faults::default() });
        let mut fates = Vec::new();
        for _ in 0..40 {
            fates.push(starts(&world).send().await.is_ok());
        }
        fates
    };
    assert_eq!(fates(7).await, fates(7).await);
    assert_ne!(fates(7).await, fates(8).await);
}
