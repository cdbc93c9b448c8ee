//! Channels, read and written in the event loop of the thread that has them.
//!
//! The client asks for bytes, or hands some over, and waits; the thread serves that with Tcl's own commands, a piece in
//! each step. A channel that is not ready is awaited by an event of it.

use super::borrowed::Borrowed;
use crate::client::error::{Error, Result};
use crate::client::object::transfer::{Sink, Source};
use crate::client::object::{changed, Info};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tcl::channel::Direction;
use tcl::event::{self, Receiver, Sender, Target, Ticket};
use tcl::interp::Preserved;
use tcl::{Interp, Obj, Object};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How often a channel that lets wait is looked at.
const LOOK: Duration = Duration::from_millis(100);

type Reply<T> = oneshot::Sender<Result<T>>;

/// What the client wants.
enum Order {
    /// So many bytes, fewer only at the end.
    Read(usize, Vec<u8>, Reply<Bytes>),
    Write(Bytes, Reply<()>),
    /// All that was written has to leave the channel.
    Flush(Reply<()>),
    /// Begin anew.
    Rewind(Reply<()>),
    /// Look again whether the channel is there: nothing tells that it was closed.
    Look,
}

/// The thread's side.
struct Pump {
    object: Object,
    borrowed: RefCell<Option<Rc<Borrowed>>>,
    orders: Receiver<Order>,
    /// What could not be served yet.
    waiting: RefCell<Option<Order>>,
}

/// The channel of a call; dropping it gives the channel back.
pub struct Pumped {
    pump: Rc<Pump>,
    _ticket: Ticket,
}

impl Drop for Pumped {
    fn drop(&mut self) {
        let borrowed = self.pump.borrowed.take();
        drop(borrowed);
    }
}

/// The client's side of a channel that is read.
pub struct ChannelSource(Sender<Order>);

/// The client's side of a channel that is written.
pub struct ChannelSink {
    orders: Sender<Order>,
    /// What was written can be taken back.
    is_file: bool,
    begun: bool,
}

/// Takes a channel for reading.
///
/// # Errors
/// Those of [`Borrowed::take`].
pub fn source(
    interp: Interp,
    object: &Object,
    name: &Obj,
    is_own: bool,
) -> tcl::Result<(ChannelSource, Pumped)> {
    let (orders, pumped) = start(interp, object, name, Direction::Read, is_own)?;
    Ok((ChannelSource(orders), pumped))
}

/// Takes a channel for writing. One of the call's own is a file.
///
/// # Errors
/// Those of [`Borrowed::take`].
pub fn sink(
    interp: Interp,
    object: &Object,
    name: &Obj,
    is_own: bool,
) -> tcl::Result<(ChannelSink, Pumped)> {
    let (orders, pumped) = start(interp, object, name, Direction::Write, is_own)?;
    let sink = ChannelSink {
        orders,
        is_file: is_own,
        begun: false,
    };
    Ok((sink, pumped))
}

fn start(
    interp: Interp,
    object: &Object,
    name: &Obj,
    direction: Direction,
    is_own: bool,
) -> tcl::Result<(Sender<Order>, Pumped)> {
    let (sender, orders) = event::channel();
    let mut known = None;
    let (pump, ticket) = event::register(|notifier| {
        let orders: Receiver<Order> = orders;
        orders.attach(notifier.clone());
        known = Some(notifier);
        Rc::new(Pump {
            object: object.clone(),
            borrowed: RefCell::default(),
            orders,
            waiting: RefCell::default(),
        })
    })?;
    if let Some(notifier) = known {
        let borrowed = Borrowed::take(interp, name, direction, is_own, notifier)?;
        pump.borrowed.replace(Some(Rc::new(borrowed)));
    }
    let pumped = Pumped {
        pump,
        _ticket: ticket,
    };
    Ok((sender, pumped))
}

impl Target for Pump {
    fn interp(&self) -> Option<Preserved> {
        self.object.interp()
    }

    fn step(self: Rc<Self>) -> bool {
        let waiting = self.waiting.take();
        let Some(order) = self.newest().or(waiting) else {
            return false;
        };
        let borrowed = self.borrowed.borrow().clone();
        let Some(borrowed) = borrowed else {
            return false;
        };
        // What belongs to the channel may run script, which comes back here and finds no order.
        match order.serve(&borrowed) {
            None => true,
            Some(order) => {
                self.waiting.replace(Some(order));
                borrowed.channel.await_ready();
                false
            }
        }
    }
}

impl Pump {
    /// What has come, beside what only wakes.
    fn newest(&self) -> Option<Order> {
        std::iter::from_fn(|| self.orders.pop()).find(|order| !matches!(order, Order::Look))
    }
}

impl Order {
    /// Serves it; hands it back if the channel is not ready.
    fn serve(self, borrowed: &Borrowed) -> Option<Order> {
        match self {
            Order::Read(length, mut bytes, reply) => match read(borrowed, length, &mut bytes) {
                Ok(false) => return Some(Order::Read(length, bytes, reply)),
                Ok(true) => answer(reply, Ok(bytes.into())),
                Err(error) => answer(reply, Err(error)),
            },
            Order::Write(bytes, reply) => match write(borrowed, &bytes) {
                Ok(()) => return Order::Flush(reply).serve(borrowed),
                Err(error) => answer(reply, Err(error)),
            },
            Order::Flush(reply) => match is_flushed(borrowed) {
                Ok(false) => return Some(Order::Flush(reply)),
                Ok(true) => answer(reply, Ok(())),
                Err(error) => answer(reply, Err(error)),
            },
            Order::Rewind(reply) => answer(reply, rewind(borrowed)),
            Order::Look => {}
        }
        None
    }
}

fn answer<T>(reply: Reply<T>, outcome: Result<T>) {
    // Whoever asked may have gone.
    let _ = reply.send(outcome);
}

/// Whether there is all that was wanted, or the end was reached.
fn read(borrowed: &Borrowed, length: usize, bytes: &mut Vec<u8>) -> Result<bool> {
    loop {
        let wanted = Obj::from((length - bytes.len()) as u64);
        let part = borrowed.command(&["::read"], &[wanted])?;
        let part = part.to_bytes().unwrap_or_default();
        bytes.extend_from_slice(&part);
        if bytes.len() >= length || is(borrowed, "::eof")? {
            return Ok(true);
        }
        if is(borrowed, "::fblocked")? || part.is_empty() {
            return Ok(false);
        }
    }
}

fn write(borrowed: &Borrowed, bytes: &[u8]) -> Result<()> {
    let value = Obj::bytes(bytes);
    borrowed.command(&["::puts", "-nonewline"], &[value])?;
    borrowed.command(&["::flush"], &[])?;
    Ok(())
}

fn is_flushed(borrowed: &Borrowed) -> Result<bool> {
    let pending = borrowed.command(&["::chan", "pending", "output"], &[])?;
    Ok(pending.to_i64().unwrap_or(0) <= 0)
}

fn rewind(borrowed: &Borrowed) -> Result<()> {
    borrowed.command(&["::seek"], &[Obj::from(0i64)])?;
    borrowed.command(&["::chan", "truncate"], &[Obj::from(0i64)])?;
    Ok(())
}

fn is(borrowed: &Borrowed, command: &'static str) -> Result<bool> {
    Ok(borrowed.command(&[command], &[])?.to_bool() == Some(true))
}

/// Waits for an order to be served.
fn ordered<T: Send + 'static>(
    orders: &Sender<Order>,
    order: impl FnOnce(Reply<T>) -> Order,
) -> BoxFuture<'static, Result<T>> {
    let (reply, mut answer) = oneshot::channel();
    orders.send(order(reply));
    let orders = orders.clone();
    Box::pin(async move {
        loop {
            match timeout(LOOK, &mut answer).await {
                Ok(answer) => return answer.unwrap_or_else(|_| Err(given_back())),
                Err(_) => orders.send(Order::Look),
            }
        }
    })
}

fn given_back() -> Error {
    Error::invalid_arg("The channel is not used any more")
}

impl Source for ChannelSource {
    fn open(&mut self) -> BoxFuture<'_, Result<Option<u64>>> {
        Box::pin(async { Ok(None) })
    }

    fn read(&mut self, length: usize) -> BoxFuture<'_, Result<Bytes>> {
        ordered(&self.0, |reply| Order::Read(length, Vec::new(), reply))
    }
}

impl Sink for ChannelSink {
    fn begin(&mut self, info: &Info) -> BoxFuture<'_, Result<()>> {
        if !std::mem::replace(&mut self.begun, true) {
            return Box::pin(async { Ok(()) });
        }
        match self.is_file {
            true => ordered(&self.orders, Order::Rewind),
            false => {
                let error = changed(info.meta.name());
                Box::pin(async { Err(error) })
            }
        }
    }

    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<()>> {
        ordered(&self.orders, |reply| Order::Write(bytes, reply))
    }

    fn finish(&mut self) -> BoxFuture<'_, Result<()>> {
        ordered(&self.orders, Order::Flush)
    }
}
