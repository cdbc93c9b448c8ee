//! Class `nats::connection`.
//!
//! [`Core`] is what an object of the class and everything made from it share: the client's connection,
//! the options, the log, and the two queues from the runtime. Events (statuses, errors) have a queue
//! of their own, because `connect` and `disconnect` show theirs before they return, while messages
//! wait for the event loop.

mod backlog;
mod config;
mod flood;
pub(super) mod inbox;
mod log;
mod methods;
mod requests;

pub use config::Config;

use crate::client::connection::{
    AskPassphrase, Connection as Client, Event, Level, ReconnectDelay, ServerEntry, Sink, Status,
};
use crate::commands::children::Children;
use crate::commands::errors::invalid_arg;
use crate::commands::options::{pos_int, Options};
use crate::commands::shape;
use crate::runtime;
use flood::Flood;
use inbox::Inbox;
use log::Log;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tcl::class::Construct;
use tcl::event::{self, Receiver, Sender, Target, Ticket};
use tcl::{Class, Interp, Method, Obj, Object, Result};
use tokio::sync::oneshot;

/// The state of a `nats::connection` object.
pub struct Connection {
    core: Rc<Core>,
}

/// What a connection's object shares with the objects made from it.
pub struct Core {
    pub client: Client,
    pub config: Config,
    object: Object,
    log: Log,
    pub(super) inbox: Inbox,
    events: Receiver<Signal>,
    flood: Arc<Flood>,
    /// The status that the script sees, which lags behind the client's until the event loop runs.
    status: Cell<Status>,
    /// Names of the elements of the array `serverInfo`.
    info_fields: RefCell<HashSet<&'static str>>,
    children: Children,
    ticket: RefCell<Option<Ticket>>,
}

/// What the runtime has for a connection object besides messages.
enum Signal {
    Event(Event),
    /// How long to wait for this server? (`-custom_reconnect_delay`)
    Delay(ServerEntry, oneshot::Sender<Option<Duration>>),
    /// The passphrase of a key? (`-password` of `-tls_opts`)
    Passphrase(String, oneshot::Sender<Option<String>>),
}

/// Carries the client's events to the Tcl thread.
struct ToEvents {
    sender: Sender<Signal>,
    flood: Arc<Flood>,
}

impl Sink for ToEvents {
    fn event(&self, event: Event) {
        if self.flood.admit(&event) {
            self.sender.send(Signal::Event(event));
        }
    }
}

/// Asks the Tcl thread. A connection that is gone by then has no answer.
fn ask_delay(sender: Sender<Signal>) -> ReconnectDelay {
    Arc::new(move |server| {
        let (answer, asked) = oneshot::channel();
        sender.send(Signal::Delay(server, answer));
        Box::pin(async move { asked.await.ok().flatten() })
    })
}

fn ask_passphrase(sender: Sender<Signal>) -> AskPassphrase {
    Arc::new(move |command| {
        let (answer, asked) = oneshot::channel();
        sender.send(Signal::Passphrase(command, answer));
        Box::pin(async move { asked.await.ok().flatten() })
    })
}

impl Class for Connection {
    const NAME: &'static str = "::nats::connection";
    const METHODS: &'static [Method<Self>] = methods::TABLE;

    /// `new ?conn_name? ?-logger logger? ?-log_chan channel? ?-log_level level?`
    fn construct(call: &Construct) -> Result<Self> {
        let (name, rest) = match call.args.split_first() {
            Some((name, rest)) => (name.text().into_owned(), rest),
            None => (String::new(), &[][..]),
        };
        let mut options = Options::parse(rest)?;
        let log_name = match name.is_empty() {
            true => tail(&call.object.name().text()).to_string(),
            false => name.clone(),
        };
        let log = Log::from_options(&mut options, log_name)?;
        options.end()?;
        let _runtime = runtime::enter()?;
        let (sender, events) = event::channel();
        let flood = Arc::<Flood>::default();
        let client = Client::new(Arc::new(ToEvents {
            sender: sender.clone(),
            flood: flood.clone(),
        }));
        let ask = ask_passphrase(sender.clone());
        client.update(|settings| settings.ask_passphrase = Some(ask));
        let (core, ticket) = event::register(|notifier| {
            events.attach(notifier);
            Rc::new(Core {
                config: Config::new(&client, name, ask_delay(sender)),
                inbox: Inbox::new(),
                client,
                object: call.object.clone(),
                log,
                events,
                flood,
                status: Cell::new(Status::Closed),
                info_fields: RefCell::default(),
                children: Children::default(),
                ticket: RefCell::default(),
            })
        });
        *core.ticket.borrow_mut() = Some(ticket);
        core.inbox.start(&core);
        core.set("status", &event::word("closed"))?;
        core.set("last_error", &Obj::empty())?;
        let info = Obj::from(&*core.object.variable("serverInfo"));
        let words = [
            event::word("::array"),
            event::word("set"),
            info,
            Obj::empty(),
        ];
        call.interp.call(&words, tcl::interp::Scope::Global)?;
        Ok(Connection { core })
    }

    fn destroyed(&self, _interp: Interp) {
        self.core.disconnect_for_good();
        self.core.children.destroy_all();
    }

    fn released(&self) {
        self.core.release();
    }
}

impl Target for Core {
    fn step(self: Rc<Self>) -> bool {
        match self.events.pop() {
            Some(signal) => {
                self.heed(signal);
                true
            }
            None => false,
        }
    }
}

impl Core {
    /// Shows the events that have come so far, before the calling command goes on.
    fn show_events(&self) {
        while let Some(signal) = self.events.pop() {
            self.heed(signal);
        }
    }

    /// Shows what has led to a status, and nothing that came after it: other threads may be faster than
    /// the calling command, which must not return with a later status.
    fn show_events_up_to(&self, status: Status) {
        while let Some(signal) = self.events.pop() {
            let last = matches!(&signal, Signal::Event(Event::Status(shown)) if *shown == status);
            self.heed(signal);
            if last {
                return;
            }
        }
    }

    fn heed(&self, signal: Signal) {
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
            Signal::Passphrase(_, answer) if answer.is_closed() => {}
            Signal::Passphrase(command, answer) => drop(answer.send(self.passphrase(&command))),
        }
    }

    /// Calls `-password` of `-tls_opts`. An error goes to the background; the key stays closed then.
    fn passphrase(&self, command: &str) -> Option<String> {
        let interp = self.object.interp()?;
        let words = Obj::from(command).to_list()?;
        match interp.call(&words, tcl::interp::Scope::Global) {
            Ok(passphrase) => Some(passphrase.text().into_owned()),
            Err(error) => {
                interp.background_error(error);
                None
            }
        }
    }

    /// Calls `-custom_reconnect_delay` with the dict of a server. Errors, and answers that are no
    /// number of ms, go to the background; there is no delay then but the usual one.
    fn reconnect_delay(&self, server: &ServerEntry) -> Option<Duration> {
        let interp = self.object.interp()?;
        let mut words = self.config.reconnect_delay()?;
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
                self.set("status", &event::word(status.as_str()))
            }
            Event::LastError(error) => self.set("last_error", &shape::last_error(error.as_ref())),
            Event::ServerInfo(info) => self.show_server_info(shape::server_info(&info)),
            Event::Log(level, text) => {
                self.log(level, &text);
                Ok(())
            }
        };
        self.background(shown);
    }

    /// Replaces the array's content without unsetting the array, whose traces would go with it.
    fn show_server_info(&self, fields: Vec<(&'static str, Obj)>) -> Result<()> {
        let Some(interp) = self.object.interp() else {
            return Ok(());
        };
        let array = self.object.variable("serverInfo");
        let names: HashSet<&'static str> = fields.iter().map(|(name, _)| *name).collect();
        let gone = self.info_fields.replace(names.clone());
        for name in gone.difference(&names) {
            // The script may have unset it.
            let _ = interp.undisturbed(|| interp.unset_var(&array, Some(name)));
        }
        let array = Obj::from(&*array);
        for (name, value) in fields {
            let element = event::word(name);
            self.background(interp.set_var(&array, Some(&element), &value));
        }
        Ok(())
    }

    /// Writes a variable in the object's namespace: traces of the script run.
    fn set(&self, name: &str, value: &Obj) -> Result<()> {
        let Some(interp) = self.object.interp() else {
            return Ok(());
        };
        let name = Obj::from(&*self.object.variable(name));
        interp.set_var(&name, None, value)
    }

    /// An error with no caller to go to.
    fn background(&self, result: Result<()>) {
        if let (Err(error), Some(interp)) = (result, self.object.interp()) {
            interp.background_error(error);
        }
    }

    pub fn log(&self, level: Level, text: &str) {
        if let Some(interp) = self.object.interp() {
            self.log.write(*interp, level, text);
        }
    }

    /// Disconnects without waiting beyond a short time for what is buffered: destructors cannot wait.
    fn disconnect_for_good(&self) {
        if let Ok(_runtime) = runtime::enter() {
            let flushed = self.client.disconnect();
            self.show_events();
            runtime::finish_briefly(flushed);
        }
    }

    /// The object is gone, maybe with its interpreter: nothing may reach Tcl any more.
    fn release(&self) {
        if let Ok(_runtime) = runtime::enter() {
            runtime::finish_in_background(self.client.disconnect());
        }
        self.events.clear();
        self.inbox.release();
        let ticket = self.ticket.take();
        drop(ticket);
    }
}

/// The last component of a qualified name.
fn tail(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}
