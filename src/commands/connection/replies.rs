//! Requests for several replies, which come on an inbox of their own.

use super::core::{Core, This};
use super::deliveries::{Answer, Answers, Owner, Request};
use super::sentinel::{Ending, Sentinel};
use crate::client::connection::{Gather, Gathered};
use crate::client::error::Result as ClientResult;
use crate::client::message::Message;
use crate::errors::raise;
use crate::runtime;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use tcl::event::Sender;
use tcl::interp::Preserved;
use tcl::value::ListBuilder;
use tcl::{Interp, Obj, Outcome, Result};
use tokio::sync::{oneshot, OwnedSemaphorePermit, Semaphore};

/// A request that was sent: with a callback its id, else the list of its replies.
pub(super) fn request_many(
    call: &This,
    gather: Gather,
    callback: Option<Vec<Obj>>,
    ending: Ending,
) -> Result<Outcome> {
    let core = call.this.core.clone();
    let gather = gather.ending(ending.ends);
    let id = gather.subscription();
    if let Some(callback) = callback {
        let request = Request {
            callback,
            dictmsg: true,
            owner: Owner::default(),
            hears_of_disconnect: true,
            sentinel: ending.sentinel,
        };
        return Outcome::value(
            core.deliveries
                .request(request, |answers| many(gather, answers)),
        );
    }
    if let Some(sentinel) = ending.sentinel {
        return up_to(call.interp, core, gather, sentinel);
    }
    runtime::answer(
        || gather.all(),
        move |_, replies: Vec<Message>| {
            let dicts = replies
                .iter()
                .map(|reply| core.config.body(reply, id, true));
            Ok(Obj::list(dicts))
        },
    )
}

const KIB: usize = 1024;

/// How many replies may wait for the script; one longer than 1 KiB counts as several.
const ROOM: usize = 64 * 1024;

/// A script that is busy has no more than this waiting; the gatherer limits what waits for that.
struct Room(Arc<Semaphore>);

impl Room {
    fn new() -> Room {
        Room(Arc::new(Semaphore::new(ROOM)))
    }

    /// Waits until there is room for a reply.
    async fn admit(&self, message: &Message) -> Option<OwnedSemaphorePermit> {
        let size = (1 + message.length / KIB).min(ROOM) as u32;
        self.0.clone().acquire_many_owned(size).await.ok()
    }
}

/// One call for each reply, and one more if they end before all have come.
async fn many(mut gather: Gather, answers: Answers) {
    let id = gather.subscription();
    let room = Room::new();
    loop {
        let next = gather.next().await;
        let last = gather.is_complete();
        let answer = match next {
            Gathered::Reply(message) if last => Answer::Reply(message, id),
            Gathered::Reply(message) => {
                let permit = room.admit(&message).await;
                Answer::OneOfMany(message, id, permit)
            }
            Gathered::NoResponders(message) => Answer::Status(message, id),
            Gathered::Complete => return answers.last(Answer::Nothing),
            Gathered::Finished => return answers.last(Answer::Finished),
            Gathered::TimedOut | Gathered::Ended(_) => return answers.last(Answer::TimedOut),
        };
        if last {
            return answers.last(answer);
        }
        answers.more(answer);
    }
}

/// A reply on its way to the script, and the room that it takes up until then.
type Part = (Message, Option<OwnedSemaphorePermit>);

/// Waits for the replies up to the one that a sentinel says is the last.
fn up_to(interp: Interp, core: Rc<Core>, gather: Gather, sentinel: Sentinel) -> Result<Outcome> {
    let (stop, stopped) = oneshot::channel();
    let outcome = Rc::<RefCell<Option<Result<Obj>>>>::default();
    let mut collecting = Collecting {
        interp: interp.preserve(),
        core,
        subscription: gather.subscription(),
        sentinel,
        replies: Rc::default(),
        stop: Some(stop),
        outcome: outcome.clone(),
    };
    let replies = collecting.replies.clone();
    runtime::answer_in_parts(
        |parts| async move { Ok(tell(gather, parts, stopped).await) },
        move |(message, permit): Part| {
            drop(permit);
            collecting.take(&message);
        },
        // What the sentinel has said counts, whatever happened since.
        move |_, gathered: ClientResult<()>| match outcome.take() {
            Some(outcome) => outcome,
            None => {
                gathered.map_err(raise)?;
                Ok(replies.take().finish())
            }
        },
    )
}

async fn tell(
    mut gather: Gather,
    parts: Sender<Part>,
    mut stopped: oneshot::Receiver<()>,
) -> ClientResult<()> {
    let room = Room::new();
    loop {
        let message = tokio::select! {
            biased;
            _ = &mut stopped => return Ok(()),
            reply = gather.reply() => reply?,
        };
        let Some(message) = message else {
            return Ok(());
        };
        let permit = room.admit(&message).await;
        parts.send((message, permit));
    }
}

/// Replies that are shown to a sentinel as they come.
struct Collecting {
    interp: Preserved,
    core: Rc<Core>,
    subscription: u64,
    sentinel: Sentinel,
    replies: Rc<RefCell<ListBuilder>>,
    /// Taken when no more replies are wanted.
    stop: Option<oneshot::Sender<()>>,
    /// What the request comes to, once that is known.
    outcome: Rc<RefCell<Option<Result<Obj>>>>,
}

impl Collecting {
    fn take(&mut self, message: &Message) {
        let interp = self.interp.get();
        if self.stop.is_none() || interp.is_deleted() {
            return;
        }
        let reply = self.core.config.body(message, self.subscription, true);
        self.replies.borrow_mut().push(&reply);
        let outcome = match self.sentinel.is_last(interp, &reply) {
            Ok(false) => return,
            Ok(true) => Ok(self.replies.take().finish()),
            Err(error) => Err(error),
        };
        *self.outcome.borrow_mut() = Some(outcome);
        if let Some(stop) = self.stop.take() {
            // They may have come to their end.
            let _ = stop.send(());
        }
    }
}
