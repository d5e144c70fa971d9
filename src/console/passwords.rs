//! Checks and hashes passwords, few at once: each takes 19 MiB and a core for about 20 ms.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use super::answer::Refusal;
use crate::auth::person_password::{HashError, PasswordHash};
use crate::auth::secret::Secret;

/// How many run at once.
const AT_ONCE: usize = 2;

/// How many may wait or run; one more is told to come again.
const WAITING: usize = 64;

/// Compared with for a name that nobody has, so that it takes as long as for one that somebody has. Its password was random
/// and is not kept.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$cnFmM1BBZWttR2d4UFlOdw$wsB0HPo57b5NBOw1juMmR6DvSlXRinL4PyuUvQSYtsc";

/// The bounds.
pub(super) struct Passwords {
    waiting: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

/// One's turn; it ends with the work, also where nobody waits for that any more.
pub(super) struct Turn(#[expect(dead_code, reason = "held while it works")] [OwnedSemaphorePermit; 2]);

impl Passwords {
    pub(super) fn new() -> Self {
        Self {
            waiting: Arc::new(Semaphore::new(WAITING)),
            running: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Waits for a turn; none when too many wait.
    pub(super) async fn turn(&self) -> Option<Turn> {
        let waiting = self.waiting.clone().try_acquire_owned().ok()?;
        let running = self.running.clone().acquire_owned().await.ok()?;
        Some(Turn([waiting, running]))
    }
}

impl Turn {
    /// Whether the hash is of this password; nobody's where there is no hash.
    pub(super) async fn check(self, hash: Option<PasswordHash>, password: Secret) -> Result<bool, Refusal> {
        let is_somebody = hash.is_some();
        let hash = hash.unwrap_or_else(|| PasswordHash::stored(NOBODY.to_owned()));
        let fits = self.work(move || hash.is_of(&password)).await?;
        Ok(fits && is_somebody)
    }

    /// The hash of a password.
    pub(super) async fn hash(self, password: Secret) -> Result<PasswordHash, Refusal> {
        let hash: Result<_, HashError> = self.work(move || PasswordHash::of(&password)).await?;
        Ok(hash?)
    }

    async fn work<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
        let done = spawn_blocking(move || {
            let done = work();
            drop(self);
            done
        });
        done.await.map_err(|error| Refusal::internal(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobodys_hash_costs_what_everyones_does() {
        let cost = |hash: &str| hash.split('$').take(4).map(str::to_owned).collect::<Vec<_>>();
        let somebodys = PasswordHash::of(&Secret::new("whatever".to_owned())).unwrap();
        assert_eq!(cost(NOBODY), cost(somebodys.as_str()));
        assert!(!PasswordHash::stored(NOBODY.to_owned()).is_of(&Secret::new(String::new())));
    }

    #[tokio::test]
    async fn more_than_may_wait_are_turned_away() {
        let passwords = Passwords::new();
        let first = [passwords.turn().await.unwrap(), passwords.turn().await.unwrap()];
        let waiting: Vec<_> = (AT_ONCE..WAITING)
            .map(|_| passwords.waiting.clone().try_acquire_owned().unwrap())
            .collect();
        assert!(passwords.turn().await.is_none());
        drop((first, waiting));
        assert!(passwords.turn().await.is_some());
    }
}
