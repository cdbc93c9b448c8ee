//! The level of an API, as it was learned: what the servers behind it know of all there is. No input or output.

use std::sync::{Arc, Mutex, PoisonError};

/// What is known of the servers behind an API prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// The number that the API tells; servers before 2.11 tell none, which is 0.
    Known(u64),
    /// This user may not ask.
    Secret,
}

/// The level that was told last. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Levels(Arc<Mutex<Option<(String, Level)>>>);

impl Levels {
    /// The level, if it was told while this server was the one connected to.
    pub(super) fn of(&self, server_id: &str) -> Option<Level> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = told.as_ref().filter(|(server, _)| server == server_id);
        told.map(|(_, level)| *level)
    }

    /// Remembers it, in the place of what was known by another server.
    pub(super) fn remember(&self, server_id: &str, level: Level) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *told = Some((server_id.to_owned(), level));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_server_told_does_not_count() {
        let levels = Levels::default();
        let clone = levels.clone();
        assert_eq!(levels.of("a"), None);
        levels.remember("a", Level::Known(2));
        assert_eq!(clone.of("a"), Some(Level::Known(2)));
        assert_eq!(clone.of("b"), None);
        levels.remember("b", Level::Secret);
        assert_eq!(clone.of("a"), None);
        assert_eq!(clone.of("b"), Some(Level::Secret));
    }
}
