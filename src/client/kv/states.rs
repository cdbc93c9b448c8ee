//! How a watch stands between the bucket and its observer.

/// Whether what a watch has told is what the bucket has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchState {
    /// Current data is being told.
    Starting,
    /// Everything was told, as far as the server has said.
    Current,
    /// The connection broke. Whether the consumer is still there will turn out.
    Reconnecting,
    /// The consumer is being made anew, or what was stored meanwhile is being told.
    Recovering,
    /// Nothing more comes.
    Stopped,
}

impl WatchState {
    /// The word scripts see.
    pub fn as_str(self) -> &'static str {
        match self {
            WatchState::Starting => "starting",
            WatchState::Current => "current",
            WatchState::Reconnecting => "reconnecting",
            WatchState::Recovering => "recovering",
            WatchState::Stopped => "stopped",
        }
    }
}

/// Follows the state of a watch. Each function returns a state that has begun with what it was told.
#[derive(Debug)]
pub(super) struct States {
    state: WatchState,
    /// The end of current data was told.
    is_reached: bool,
    behind: Behind,
}

/// What has to come after an interruption until the watch is current again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    Nothing,
    /// What the next sign of life tells.
    Unknown,
    Messages(u64),
}

impl States {
    pub(super) fn new() -> States {
        States {
            state: WatchState::Starting,
            is_reached: false,
            behind: Behind::Nothing,
        }
    }

    /// The connection broke.
    pub(super) fn unlinked(&mut self) -> Option<WatchState> {
        self.interrupted(WatchState::Reconnecting)
    }

    /// The consumer is about to be made anew.
    pub(super) fn resetting(&mut self) -> Option<WatchState> {
        self.interrupted(WatchState::Recovering)
    }

    fn interrupted(&mut self, state: WatchState) -> Option<WatchState> {
        self.behind = Behind::Unknown;
        self.go(state)
    }

    /// The consumer was made anew, and so many messages waited for it.
    pub(super) fn recreated(&mut self, num_pending: u64) -> Option<WatchState> {
        self.go_on(num_pending)
    }

    /// A message came, after which so many are left.
    pub(super) fn message(&mut self, pending: u64) -> Option<WatchState> {
        match self.behind {
            Behind::Nothing => None,
            Behind::Unknown => self.go_on(pending),
            Behind::Messages(left) => self.go_on(left.saturating_sub(1)),
        }
    }

    /// The server has nothing more at the moment.
    pub(super) fn caught_up(&mut self) -> Option<WatchState> {
        match self.behind {
            Behind::Nothing => None,
            _ => self.go_on(0),
        }
    }

    /// The end of current data was told.
    pub(super) fn reached(&mut self) -> Option<WatchState> {
        self.is_reached = true;
        self.go_on(0)
    }

    fn go_on(&mut self, left: u64) -> Option<WatchState> {
        if left > 0 {
            self.behind = Behind::Messages(left);
            return None;
        }
        self.behind = Behind::Nothing;
        self.go(match self.is_reached {
            true => WatchState::Current,
            false => WatchState::Starting,
        })
    }

    fn go(&mut self, state: WatchState) -> Option<WatchState> {
        let former = std::mem::replace(&mut self.state, state);
        (former != state).then_some(state)
    }
}

#[cfg(test)]
mod tests {
    use super::WatchState::{Current, Reconnecting, Recovering, Starting};
    use super::*;

    /// One that has told all there was.
    fn current() -> States {
        let mut states = States::new();
        assert_eq!(states.reached(), Some(Current));
        states
    }

    #[test]
    fn a_broken_connection_whose_consumer_survives() {
        let mut states = current();
        assert_eq!(states.unlinked(), Some(Reconnecting));
        assert_eq!(states.message(2), None);
        assert_eq!(states.message(1), None);
        // However many have come in addition.
        assert_eq!(states.message(7), Some(Current));
        assert_eq!(states.unlinked(), Some(Reconnecting));
        assert_eq!(states.caught_up(), Some(Current));
        assert_eq!(states.caught_up(), None);
    }

    #[test]
    fn a_consumer_that_is_made_anew() {
        let mut states = current();
        assert_eq!(states.message(5), None);
        assert_eq!(states.unlinked(), Some(Reconnecting));
        assert_eq!(states.resetting(), Some(Recovering));
        assert_eq!(states.recreated(2), None);
        assert_eq!(states.message(1), None);
        assert_eq!(states.message(0), Some(Current));
        assert_eq!(states.resetting(), Some(Recovering));
        assert_eq!(states.recreated(0), Some(Current));
    }

    #[test]
    fn an_interruption_before_the_end_of_current_data() {
        let mut states = States::new();
        assert_eq!(states.message(5), None);
        assert_eq!(states.unlinked(), Some(Reconnecting));
        assert_eq!(states.unlinked(), None);
        assert_eq!(states.message(1), None);
        assert_eq!(states.message(0), Some(Starting));
        assert_eq!(states.resetting(), Some(Recovering));
        assert_eq!(states.recreated(3), None);
        assert_eq!(states.message(3), None);
        assert_eq!(states.reached(), Some(Current));
    }
}
