//! A channel for the time of a call: nobody else reads or writes it, and it is given back as it was.

use crate::client::error::{Code, Error};
use crate::errors::invalid_arg;
use std::cell::RefCell;
use std::collections::HashSet;
use tcl::channel::{Channel, Direction};
use tcl::event::{word, Notifier};
use tcl::interp::{Preserved, Scope};
use tcl::{Interp, Obj, Result};

thread_local! {
    /// The channels that calls of this thread use.
    static BUSY: RefCell<HashSet<usize>> = RefCell::default();
}

/// What is kept of a channel's configuration, in the order in which it is given back.
const OPTIONS: [&str; 3] = ["-translation", "-encoding", "-eofchar"];

/// A channel that is used.
pub struct Borrowed {
    interp: Preserved,
    pub channel: Channel,
    pub name: Obj,
    /// Options and their values before.
    options: Vec<(Obj, Obj)>,
    /// The script's own event handler.
    handler: Obj,
    event: Obj,
    /// The channel is the call's own.
    is_own: bool,
}

impl Borrowed {
    /// Takes a channel. One that is the call's own is closed afterwards.
    ///
    /// # Errors
    /// Those of Tcl for a name that is no channel's; `ErrInvalidArg` if the channel is not open for this, or used by
    /// another call.
    pub fn take(
        interp: Interp,
        name: &Obj,
        direction: Direction,
        is_own: bool,
        notifier: Notifier,
    ) -> Result<Borrowed> {
        let channel = Channel::find(interp, name, direction, notifier)?;
        if !BUSY.with_borrow_mut(|busy| busy.insert(channel.id())) {
            return Err(invalid_arg(format!("channel {} is busy", name.text())));
        }
        let mut borrowed = Borrowed {
            interp: interp.preserve(),
            channel,
            name: name.clone(),
            options: Vec::new(),
            handler: Obj::empty(),
            event: word(match direction {
                Direction::Read => "readable",
                Direction::Write => "writable",
            }),
            is_own,
        };
        borrowed.prepare(interp)?;
        Ok(borrowed)
    }

    fn prepare(&mut self, interp: Interp) -> Result<()> {
        let configure = [word("::fconfigure"), self.name.clone()];
        for option in OPTIONS.map(word) {
            let words = [configure.as_slice(), std::slice::from_ref(&option)].concat();
            let value = interp.call(&words, Scope::Current)?;
            self.options.push((option, value));
        }
        let event = [word("::fileevent"), self.name.clone(), self.event.clone()];
        self.handler = interp.call(&event, Scope::Current)?;
        interp.call(
            &[event.as_slice(), &[Obj::empty()]].concat(),
            Scope::Current,
        )?;
        let binary = [word("-translation"), word("binary")];
        interp.call(&[configure, binary].concat(), Scope::Current)?;
        interp.reset_result();
        Ok(())
    }

    /// A command upon the channel: words before its name, and after it. Its error is one of the channel's.
    pub fn command(
        &self,
        before: &[&'static str],
        after: &[Obj],
    ) -> std::result::Result<Obj, Error> {
        if self.channel.is_closed() {
            return Err(self.closed());
        }
        let interp = self.interp.get();
        let before = before.iter().map(|text| word(text));
        let words: Vec<Obj> = before
            .chain([self.name.clone()])
            .chain(after.iter().cloned())
            .collect();
        match interp.call(&words, Scope::Global) {
            Ok(result) => {
                interp.reset_result();
                Ok(result)
            }
            Err(error) => Err(foreign(interp, error)),
        }
    }

    fn closed(&self) -> Error {
        Error::invalid_arg(format!("channel {} was closed", self.name.text()))
    }

    fn give_back(&self) {
        let interp = self.interp.get();
        if interp.is_deleted() || self.channel.is_closed() {
            return;
        }
        let call = |words: &[Obj]| drop(interp.call(words, Scope::Global));
        if self.is_own {
            return call(&[word("::close"), self.name.clone()]);
        }
        for (option, value) in &self.options {
            let configure = word("::fconfigure");
            call(&[configure, self.name.clone(), option.clone(), value.clone()]);
        }
        if !self.handler.is_empty() {
            let (event, handler) = (self.event.clone(), self.handler.clone());
            call(&[word("::fileevent"), self.name.clone(), event, handler]);
        }
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        // A thread that ends may have none any more.
        let _ = BUSY.try_with(|busy| busy.borrow_mut().remove(&self.channel.id()));
        self.interp.get().undisturbed(|| self.give_back());
    }
}

/// An error of Tcl's as one of the client's.
pub fn foreign(interp: Interp, error: tcl::Error) -> Error {
    let (message, words) = match error {
        tcl::Error::New { message, code, .. } => (message, code),
        tcl::Error::Raised(_) => {
            let code = interp.error_code().and_then(|code| code.to_list());
            let code = code.unwrap_or_default();
            let words = code.iter().map(|word| word.text().into_owned()).collect();
            let message = interp.result().text().into_owned();
            interp.reset_result();
            (message, words)
        }
    };
    Error::new(Code::Foreign(words), message)
}
