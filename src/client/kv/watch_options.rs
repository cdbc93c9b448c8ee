//! What is watched, and how.

use std::time::Duration;

use super::entry::HeadersShown;
use super::operations::Operations;
use crate::client::error::{Error, Result};
use crate::client::jetstream::ordered::DeliverPolicy;

/// What to watch, and how.
#[derive(Debug, Clone)]
pub struct WatchOptions {
    /// Begin with all revisions instead of the latest of each key.
    pub include_history: bool,
    /// Begin with this revision, and all that follow.
    pub from_revision: Option<u64>,
    /// Without anything that is there already.
    pub updates_only: bool,
    /// Without values.
    pub meta_only: bool,
    /// With all headers that are stored.
    pub headers: bool,
    /// Entries of these kinds only.
    pub operations: Operations,
    /// Entries of a transaction are told together.
    pub together: bool,
    /// Remember which keys were told, to tell of their end when the bucket is made anew, whatever the operations.
    pub follows_former: bool,
    pub idle_heartbeat: Duration,
}

impl Default for WatchOptions {
    fn default() -> Self {
        WatchOptions {
            include_history: false,
            from_revision: None,
            updates_only: false,
            meta_only: false,
            headers: false,
            operations: Operations::ALL,
            together: false,
            follows_former: false,
            idle_heartbeat: Duration::from_secs(5),
        }
    }
}

impl WatchOptions {
    /// Where the watch begins.
    ///
    /// # Errors
    /// `InvalidArg` if more than one beginning is wanted.
    pub fn policy(&self) -> Result<DeliverPolicy> {
        let beginnings = [
            ("-from_revision", self.from_revision.is_some()),
            ("-include_history", self.include_history),
            ("-updates_only", self.updates_only),
        ];
        let mut wanted = beginnings.iter().filter(|(_, is_wanted)| *is_wanted);
        match (wanted.next(), wanted.next()) {
            (Some((one, _)), Some((other, _))) => Err(Error::invalid_arg(format!(
                "{one} and {other} are mutually exclusive"
            ))),
            (Some(("-from_revision", _)), None) => Ok(DeliverPolicy::ByStartSequence),
            (Some(("-include_history", _)), None) => Ok(DeliverPolicy::All),
            (Some(_), None) => Ok(DeliverPolicy::New),
            (None, _) => Ok(DeliverPolicy::LastPerSubject),
        }
    }

    pub(super) fn headers_shown(&self) -> HeadersShown {
        match (self.headers, self.meta_only) {
            (false, _) => HeadersShown::No,
            (true, false) => HeadersShown::Yes,
            (true, true) => HeadersShown::WithoutSize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::error::Code;

    #[test]
    fn where_a_watch_begins() {
        let policy = |include_history, updates_only, from_revision| {
            let options = WatchOptions {
                include_history,
                updates_only,
                from_revision,
                ..WatchOptions::default()
            };
            options.policy().map_err(|error| error.code)
        };
        let exclusive = Err(Code::InvalidArg);
        assert_eq!(
            policy(false, false, None),
            Ok(DeliverPolicy::LastPerSubject)
        );
        assert_eq!(policy(true, false, None), Ok(DeliverPolicy::All));
        assert_eq!(policy(false, true, None), Ok(DeliverPolicy::New));
        assert_eq!(
            policy(false, false, Some(3)),
            Ok(DeliverPolicy::ByStartSequence)
        );
        assert_eq!(policy(true, true, None), exclusive);
        assert_eq!(policy(true, false, Some(1)), exclusive);
        assert_eq!(policy(false, true, Some(1)), exclusive);
    }
}
