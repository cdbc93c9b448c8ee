//! What an object of the class and everything made from it share.
//!
//! There are two queues from the runtime. Events (statuses, errors) have one of their own, because `connect` and
//! `disconnect` show theirs before they return, while messages wait for the event loop.

use super::config::{Asks, Config};
use super::deliveries::Deliveries;
use super::flood::Flood;
use super::identity;
use super::log::Log;
use super::signals::{ask, Signal, ToSignals};
use crate::client::connection::{
    all_sent, Connection as Client, Event, Identity, Level, ServerEntry, Status,
};
use crate::commands::children::Children;
use crate::commands::options::pos_int;
use crate::commands::shape::{self, InfoFields};
use crate::commands::variables;
use crate::errors::invalid_arg;
use crate::runtime;
use futures_util::future::BoxFuture;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tcl::event::{self, Receiver, Target, Ticket};
use tcl::interp::Preserved;
use tcl::{Call, Obj, Object, Result};

/// The state of a `nats::connection` object.
pub struct Connection {
    pub core: Rc<Core>,
}

/// A call of one of its methods.
pub type This<'a> = Call<'a, Connection>;

/// What a connection's object shares with the objects made from it.
pub struct Core {
    pub client: Client,
    pub config: Rc<Config>,
    pub(super) object: Object,
    pub deliveries: Deliveries,
    pub children: Children,
    /// The status that the script sees, which lags behind the client's until the event loop runs.
    pub(super) status: Cell<Status>,
    log: Log,
    signals: Receiver<Signal>,
    flood: Arc<Flood>,
    /// How often the script has ended the connection.
    ends: Cell<u64>,
    /// Elements of the array `serverInfo` and their values.
    info_fields: RefCell<HashMap<Cow<'static, str>, Obj>>,
    ticket: RefCell<Option<Ticket>>,
}

impl Core {
    /// Makes the client of an object, and its queues in this thread. The runtime must have been entered.
    ///
    /// # Errors
    /// `ErrInternal` if this thread is exiting.
    pub fn create(object: &Object, name: String, log: Log) -> Result<Rc<Core>> {
        tcl::exit::before_exit(send_all);
        let (sender, signals) = event::channel();
        let flood = Arc::<Flood>::default();
        let client = Client::new(Arc::new(ToSignals::new(sender.clone(), flood.clone())));
        let passphrase = ask(sender.clone(), Signal::Passphrase);
        client.update(|settings| settings.ask_passphrase = Some(passphrase));
        let asks = Asks {
            identity: ask(sender.clone(), |(server, nonce), answer| {
                Signal::Identity(Box::new(server), nonce, answer)
            }),
            delay: ask(sender, |server, answer| {
                Signal::Delay(Box::new(server), answer)
            }),
        };
        let config = Rc::new(Config::new(&client, name, asks));
        let deliveries = Deliveries::new(object, config.clone())?;
        let (core, ticket) = event::register(|notifier| {
            signals.attach(notifier);
            Rc::new(Core {
                client,
                config,
                object: object.clone(),
                deliveries,
                children: Children::of("connection"),
                status: Cell::new(Status::Closed),
                log,
                signals,
                flood,
                ends: Cell::new(0),
                info_fields: RefCell::default(),
                ticket: RefCell::default(),
            })
        })?;
        *core.ticket.borrow_mut() = Some(ticket);
        Ok(core)
    }
}

impl Target for Core {
    fn interp(&self) -> Option<Preserved> {
        self.object.interp()
    }

    fn step(self: Rc<Self>) -> bool {
        match self.signals.pop() {
            Some(signal) => {
                self.handle(signal);
                true
            }
            None => false,
        }
    }
}

impl Core {
    /// Shows the events that have come so far, before the calling command goes on.
    pub(super) fn show_events(&self) {
        while let Some(signal) = self.signals.pop() {
            self.handle(signal);
        }
    }

    /// Shows the end of the connection, of which the script need not have heard yet: what it called fails for
    /// that reason.
    pub fn show_end(&self) {
        if self.client.status() == Status::Closed && self.status.get() != Status::Closed {
            self.show_events_up_to(Status::Closed);
        }
    }

    /// Shows what ended the status `connecting`, and nothing that came after it.
    pub(super) fn show_outcome(&self) {
        while self.status.get() == Status::Connecting {
            let Some(signal) = self.signals.pop() else {
                return;
            };
            self.handle(signal);
        }
    }

    /// Shows what has led to a status, and nothing that came after it: other threads may be faster than
    /// the calling command, which must not return with a later status.
    pub(super) fn show_events_up_to(&self, status: Status) {
        while let Some(signal) = self.signals.pop() {
            let last = matches!(&signal, Signal::Event(Event::Status(shown)) if *shown == status);
            self.handle(signal);
            if last {
                return;
            }
        }
    }

    fn handle(&self, signal: Signal) {
        match signal {
            Signal::Event(event) => {
                self.show(event);
                if let Some(dropped) = self.flood.handled() {
                    let text = format!("Discarded {dropped} errors while the script was busy");
                    self.log(Level::Warn, &text);
                }
            }
            // The one who asked may be gone: `disconnect` interrupts any waiting.
            Signal::Delay(_, answer) if answer.is_closed() => {}
            Signal::Delay(server, answer) => drop(answer.send(self.reconnect_delay(&server))),
            Signal::Identity(_, _, answer) if answer.is_closed() => {}
            Signal::Identity(server, nonce, answer) => {
                drop(answer.send(self.identity(&server, &nonce)));
            }
            Signal::Passphrase(_, answer) if answer.is_closed() => {}
            Signal::Passphrase(command, answer) => drop(answer.send(self.passphrase(&command))),
        }
    }

    /// Calls `-password` of `-tls_opts`. An error goes to the background; the key stays closed then.
    fn passphrase(&self, command: &str) -> Option<String> {
        let preserved = self.object.interp()?;
        let interp = preserved.get();
        let words = Obj::from(command).to_list()?;
        match interp.call(&words, tcl::interp::Scope::Global) {
            Ok(passphrase) => Some(passphrase.text().into_owned()),
            Err(error) => {
                interp.background_error(error);
                None
            }
        }
    }

    /// Calls `-auth_callback` with the dict of a server and its nonce. Errors, and answers that are no dict of what
    /// there is to identify with, go to the background.
    fn identity(&self, server: &ServerEntry, nonce: &str) -> Option<Identity> {
        let preserved = self.object.interp()?;
        let interp = preserved.get();
        let mut words = self.config.prefix("auth_callback")?;
        words.extend([shape::server(server), Obj::from(nonce)]);
        let answer = interp.call(&words, tcl::interp::Scope::Global);
        match answer.and_then(|answer| identity::parse(&answer)) {
            Ok(identity) => Some(identity),
            Err(error) => {
                interp.background_error(error);
                None
            }
        }
    }

    /// Calls `-custom_reconnect_delay` with the dict of a server. Errors, and answers that are no
    /// number of ms, go to the background; there is no delay then but the usual one.
    fn reconnect_delay(&self, server: &ServerEntry) -> Option<Duration> {
        let preserved = self.object.interp()?;
        let interp = preserved.get();
        let mut words = self.config.prefix("custom_reconnect_delay")?;
        words.push(shape::server(server));
        let delay = interp.call(&words, tcl::interp::Scope::Global);
        let delay = delay.and_then(|value| {
            pos_int(&value).ok_or_else(|| {
                let text = value.text();
                invalid_arg(format!("Invalid result of -custom_reconnect_delay: {text}"))
            })
        });
        match delay {
            Ok(ms) => Some(Duration::from_millis(ms)),
            Err(error) => {
                interp.background_error(error);
                None
            }
        }
    }

    /// Makes an event visible: a write to a public variable, or a log line.
    fn show(&self, event: Event) {
        let shown = match event {
            Event::Status(status) => {
                self.status.set(status);
                let shown = self.set("status", &event::word(status.as_str()));
                // A script that waits for one of two statuses shall see both.
                event::end_event();
                shown
            }
            Event::LastError(error) => self.set("last_error", &shape::last_error(error.as_ref())),
            Event::ServerInfo(info) => {
                self.show_server_info(shape::server_info(&info), |_, _| true)
            }
            Event::LaterInfo(info) => self.show_server_info(shape::server_info(&info), differs),
            Event::Log(level, text) => {
                self.log(level, &text);
                Ok(())
            }
        };
        self.background(shown);
    }

    /// Replaces the array's content without unsetting the array, whose traces would go with it. Whether an
    /// element is written may depend on the value it was given last.
    fn show_server_info(
        &self,
        fields: InfoFields,
        is_written: fn(Option<&Obj>, &Obj) -> bool,
    ) -> Result<()> {
        let Some(preserved) = self.object.interp() else {
            return Ok(());
        };
        let interp = preserved.get();
        let array = self.object.variable("serverInfo");
        let before = self.info_fields.replace(fields.iter().cloned().collect());
        for name in before.keys() {
            if !fields.iter().any(|(other, _)| other == name) {
                // The script may have unset it.
                let _ = interp.undisturbed(|| interp.unset_var(&array, Some(name)));
            }
        }
        let array = Obj::from(&*array);
        for (name, value) in fields {
            if is_written(before.get(&name), &value) {
                let element = Obj::from(&*name);
                self.background(interp.set_var(&array, Some(&element), &value));
            }
        }
        Ok(())
    }

    /// Writes a variable in the object's namespace: traces of the script run.
    pub(super) fn set(&self, name: &str, value: &Obj) -> Result<()> {
        let Some(interp) = self.object.interp() else {
            return Ok(());
        };
        variables::set(interp.get(), &self.object, name, value)
    }

    /// An error with no caller to go to.
    fn background(&self, result: Result<()>) {
        if let (Err(error), Some(interp)) = (result, self.object.interp()) {
            interp.get().background_error(error);
        }
    }

    /// Writes a line into the log.
    pub fn log(&self, level: Level, text: &str) {
        if let Some(interp) = self.object.interp() {
            self.log.write(interp.get(), level, text);
        }
    }

    /// The lines that follow are the last ones.
    pub(super) fn log_ends(&self) {
        self.log.ends();
    }

    /// Closes the connection. The future resolves when what was buffered is on its way.
    pub(super) fn disconnect(&self) -> BoxFuture<'static, ()> {
        let flushed = self.client.disconnect();
        self.ended();
        flushed
    }

    /// The script has ended the connection: no callback of what was made in it runs any more.
    pub(super) fn ended(&self) {
        self.ends.set(self.ends.get() + 1);
        self.deliveries.disconnected();
        self.show_events();
    }

    /// How often the script has ended the connection: what has a queue of its own compares this with what it was
    /// at its making.
    pub fn ends(&self) -> u64 {
        self.ends.get()
    }

    /// Disconnects without waiting beyond a short time for what is buffered: destructors cannot wait.
    pub(super) fn disconnect_for_good(&self) {
        if let Ok(_runtime) = runtime::enter() {
            let flushed = self.disconnect();
            runtime::finish_briefly(flushed);
        }
    }

    /// The object is gone, maybe with its interpreter: nothing may reach Tcl any more.
    pub(super) fn release(&self) {
        if let Ok(_runtime) = runtime::enter() {
            runtime::finish_in_background(self.client.disconnect());
        }
        self.signals.clear();
        self.deliveries.release();
        let ticket = self.ticket.take();
        drop(ticket);
    }
}

/// A field of an INFO that has come later is written if it is another one.
fn differs(before: Option<&Obj>, now: &Obj) -> bool {
    before.is_none_or(|before| before.text() != now.text())
}

/// The process ends: what waits goes out, as far as servers take it in a short time.
fn send_all() {
    if let Ok(_runtime) = runtime::enter() {
        runtime::finish_briefly(all_sent());
    }
}
