//! Many like jobs, a bounded number of them at once.

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::progress::Progress;

/// Does `work` for each item; the results in the order of their ends. The first failure ends it, and so does `stop`:
/// what has begun is awaited, what has not is left.
pub(in crate::cli) async fn each<T, R, F>(
    items: Vec<T>,
    at_once: usize,
    stop: &CancellationToken,
    progress: &mut Progress,
    work: impl Fn(T) -> F,
) -> Result<Vec<R>, Failure>
where
    F: Future<Output = Result<R, Failure>> + Send + 'static,
    R: Send + 'static,
{
    let mut results = Vec::with_capacity(items.len());
    let mut items = items.into_iter();
    let mut running = JoinSet::new();
    let mut failed = None;
    loop {
        while running.len() < at_once && failed.is_none() && !stop.is_cancelled() {
            let Some(item) = items.next() else { break };
            running.spawn(work(item));
        }
        match running.join_next().await {
            None => break,
            Some(Ok(Ok(result))) => results.push(result),
            Some(Ok(Err(failure))) => failed = failed.or(Some(failure)),
            Some(Err(panicked)) => failed = failed.or(Some(panicked.into())),
        }
        progress.show(results.len() as u64, "");
    }
    match failed {
        Some(failure) => Err(failure),
        None if items.next().is_some() => Err(INTERRUPTED.into()),
        None => Ok(results),
    }
}

pub(in crate::cli) const INTERRUPTED: &str = "interrupted";

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn no_more_than_the_bound_run_at_once() {
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (stop, mut progress) = (CancellationToken::new(), Progress::silent());
        let results = each((0..50).collect(), 4, &stop, &mut progress, |number: u32| {
            let (running, most) = (running.clone(), most.clone());
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                running.fetch_sub(1, Ordering::SeqCst);
                Ok(number)
            }
        });
        let mut results = results.await.unwrap();
        results.sort_unstable();
        assert_eq!(results, (0..50).collect::<Vec<_>>());
        assert!(most.load(Ordering::SeqCst) <= 4);
    }

    #[tokio::test]
    async fn a_failure_and_a_stop_end_it() {
        let stop = CancellationToken::new();
        let done = Arc::new(AtomicUsize::new(0));
        let work = |number: u32| {
            let done = done.clone();
            async move {
                done.fetch_add(1, Ordering::SeqCst);
                if number == 3 { Err("three".into()) } else { Ok(()) }
            }
        };
        let failed = each((0..100).collect(), 1, &stop, &mut Progress::silent(), work).await;
        assert_eq!(failed.unwrap_err().to_string(), "three");
        assert_eq!(done.load(Ordering::SeqCst), 4);
        stop.cancel();
        let stopped = each(vec![1_u32], 1, &stop, &mut Progress::silent(), work).await;
        assert_eq!(stopped.unwrap_err().to_string(), INTERRUPTED);
    }
}
