//! Places for attempts that may take long: whoever waits for one of them gets one soon.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// So many attempts may be new at the same time; one that has lasted a while makes room for the next,
/// and goes on.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    patience: Duration,
}

impl Places {
    pub(crate) fn new(places: usize, patience: Duration) -> Places {
        Places {
            free: Arc::new(Semaphore::new(places)),
            patience,
        }
    }

    /// Runs an attempt once there is a place for it.
    pub(crate) async fn run<T>(&self, attempt: impl Future<Output = T>) -> T {
        let place = self.free.acquire().await;
        tokio::pin!(attempt);
        let soon = tokio::time::timeout(self.patience, &mut attempt).await;
        drop(place);
        match soon {
            Ok(done) => done,
            Err(_) => attempt.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};
    use tokio::task::JoinSet;

    /// Goal: many who never answer do not keep the one who does from being reached.
    #[tokio::test]
    async fn whoever_does_not_answer_makes_room() {
        let places = Places::new(4, Duration::from_millis(2));
        let mut attempts = JoinSet::new();
        for number in 0..=40 {
            let places = places.clone();
            attempts.spawn(async move {
                match number {
                    40 => places.run(ready(number)).await,
                    _ => places.run(pending()).await,
                }
            });
        }
        let first = tokio::time::timeout(Duration::from_secs(30), attempts.join_next()).await;
        let first = first.expect("nobody was reached").expect("one attempt");
        assert_eq!(first.expect("no panic"), 40);
    }

    /// Goal: not all are tried at once.
    #[tokio::test]
    async fn no_more_than_the_places_are_new() {
        let places = Places::new(1, Duration::from_secs(3600));
        let other = places.clone();
        let first = tokio::spawn(async move { other.run(pending::<()>()).await });
        while places.free.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let second = tokio::time::timeout(Duration::from_millis(50), places.run(ready(())));
        assert!(second.await.is_err());
        first.abort();
        let _ = first.await; // it was cancelled
        places.run(ready(())).await;
    }
}
