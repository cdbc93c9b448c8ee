//! One mailbox a Tcl thread, drained by one event source in capped turns.
//!
//! Other threads never touch Tcl memory. They put data into a queue of their own kind
//! ([`channel`], [`crate::wait`]) and notify the id of the [`Target`] that owns it; the Tcl thread is
//! alerted once, when its mailbox was empty. An event of Tcl then lets each notified target take
//! steps, one item a step.
//!
//! Fairness: targets take turns of [`SLICE`] steps, and an event ends after [`TURN_TIME`], so that timers,
//! files and Tk are served in between. Between an event that was cut short and the next turns idle callbacks
//! run, whatever else is ready.
//!
//! A script that waits in `vwait` for a value of a variable sees the value that is there when an event has
//! ended. A target whose variables are waited for so ends the event itself with each of them ([`end_event`]).
//!
//! Nested event loops: a target stays in the ready list while one of its items is handled, so that an
//! event loop entered by a callback goes on with the next item, as it does with Tcl's own events. A
//! callback that does so for each item would nest as deep as there are items; from [`MAX_DEPTH`] on
//! the target's other items wait for the innermost callback to return.

use crate::error::{Error, Result};
use crate::fork;
use crate::guard;
use crate::interp::Preserved;
use crate::mailbox::Mailbox;
use crate::stubs;
use crate::value::Obj;
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::ptr::null_mut;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Steps a target takes before the next one has its turn.
const SLICE: usize = 64;
/// How long an event may go on.
const TURN_TIME: Duration = Duration::from_millis(2);
/// After so many steps the clock is read.
const CLOCK: usize = 8;

/// How many steps of one target may be under way at the same time.
const MAX_DEPTH: usize = 32;

/// Something in a Tcl thread that takes what other threads have queued for it.
pub trait Target {
    /// Handles one item. Returns whether there may be more.
    fn step(self: Rc<Self>) -> bool;

    /// The interpreter that hears of a panic in a step.
    fn interp(&self) -> Option<Preserved>;

    /// This process was forked, and nothing comes any more. To be told to whoever waits.
    fn forked(self: Rc<Self>) {}
}

/// A Tcl thread, as other threads see it.
struct Remote {
    thread: ThreadId,
    /// Its exit handler closes this.
    mailbox: Mailbox,
}

struct ThreadId(stubs::ThreadId);
// SAFETY: an opaque token, used for nothing but Tcl_ThreadAlert, which is made for other threads.
unsafe impl Send for ThreadId {}
// SAFETY: as above.
unsafe impl Sync for ThreadId {}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Remote {
    fn post(&self, id: u64) {
        let alert = || {
            // SAFETY: the thread lives, since its exit handler closes the mailbox first.
            fork::not_while_forking(|| unsafe { stubs::thread_alert(self.thread.0) });
        };
        self.mailbox.post(id, || self.is_own(), alert);
    }

    /// Whether this is the calling thread's.
    fn is_own(&self) -> bool {
        thread().is_some_and(|thread| std::ptr::eq(&*thread.remote, self))
    }
}

/// Tells a target, from any thread, that it has something to take.
#[derive(Clone)]
pub struct Notifier {
    id: u64,
    remote: Arc<Remote>,
}

impl Notifier {
    pub fn notify(&self) {
        self.remote.post(self.id);
    }
}

/// A target's place in its thread; dropping it forgets the target.
pub struct Ticket {
    id: u64,
    thread: std::rc::Weak<Thread>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.upgrade() {
            // The target may be dropped by this, and its drop may come back here.
            let target = thread.targets.borrow_mut().remove(&self.id);
            drop(target);
        }
    }
}

/// A target and how it stands.
#[derive(Clone)]
struct Registration {
    target: Rc<dyn Target>,
    steps: Rc<Steps>,
}

#[derive(Default)]
struct Steps {
    /// How many are under way, one in the event loop of another.
    depth: Cell<usize>,
    /// It had its turn at the greatest depth and gets it when a step has ended.
    parked: Cell<bool>,
}

/// A Tcl thread's side.
struct Thread {
    remote: Arc<Remote>,
    targets: RefCell<FxHashMap<u64, Registration>>,
    next_id: Cell<u64>,
    /// Constant values, made once and shared by all who need them.
    words: RefCell<FxHashMap<&'static str, Obj>>,
    /// Notified targets, in turn.
    ready: RefCell<VecDeque<u64>>,
    /// An event of ours is in Tcl's queue.
    queued: Cell<bool>,
    idle_turn: Cell<IdleTurn>,
    /// Counts turns of targets.
    turns: Cell<u64>,
    /// Counts calls of [`end_event`].
    ends: Cell<u64>,
    /// When the notifier last looked for everything, files too.
    looked: Cell<Instant>,
    pass: Cell<Pass>,
    /// The targets know that this process was forked.
    forked: Cell<bool>,
}

/// The turn of idle callbacks after an event that was cut short. Tcl serves them only when no event is
/// ready, so while there is work they would never run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IdleTurn {
    /// None is due.
    Over,
    /// The next pass of the event loop is left to what is due: timers, files, or else idle callbacks.
    NextPass,
    /// Something else may have taken that pass. The next event begins with those that still wait.
    NextEvent,
}

/// What the next pass through the event sources is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    Ordinary,
    /// [`serve_all`]
    Brief,
    /// [`serve_known`]
    WithoutNotifier,
}

thread_local! {
    static THREAD: RefCell<Option<Rc<Thread>>> = const { RefCell::new(None) };
}

fn thread() -> Option<Rc<Thread>> {
    THREAD.try_with(|t| t.try_borrow().ok()?.clone()).ok()?
}

/// Whether this thread's exit handler has run: of what Tcl has, some may be gone.
pub(crate) fn is_exiting() -> bool {
    thread().is_none()
}

/// Makes this thread's mailbox, once.
pub(crate) fn start_thread() {
    if thread().is_some() {
        return;
    }
    // SAFETY: called by a Tcl thread with the stub tables bound.
    let id = unsafe {
        stubs::create_event_source(on_setup, on_check, null_mut());
        stubs::create_thread_exit_handler(on_thread_exit, null_mut());
        stubs::get_current_thread()
    };
    let remote = Arc::new(Remote {
        thread: ThreadId(id),
        mailbox: Mailbox::new(),
    });
    let thread = Rc::new(Thread {
        remote,
        targets: RefCell::default(),
        next_id: Cell::new(1),
        words: RefCell::default(),
        ready: RefCell::default(),
        queued: Cell::new(false),
        idle_turn: Cell::new(IdleTurn::Over),
        turns: Cell::new(0),
        ends: Cell::new(0),
        looked: Cell::new(Instant::now()),
        pass: Cell::new(Pass::Ordinary),
        forked: Cell::new(false),
    });
    THREAD.with(|t| *t.borrow_mut() = Some(thread));
}

/// A number that stays the same from one step of a target to its next one if nothing has run in between.
pub fn turn() -> u64 {
    thread().map_or(0, |thread| thread.turns.get())
}

/// Called in a step: the present event of Tcl ends with it. What else waits comes with the next event, the
/// target's own items first.
pub fn end_event() {
    if let Some(thread) = thread() {
        thread.ends.set(thread.ends.get() + 1);
    }
}

static BEFORE_SLEEP: OnceLock<fn()> = OnceLock::new();

/// What each thread calls when it is about to wait for events, and may wait for long. The first call
/// decides.
pub fn before_sleep(f: fn()) {
    let _ = BEFORE_SLEEP.set(f);
}

/// A future that is ready when this thread's mailbox has something. While it exists the thread must not
/// wait for events: other threads wake the future instead.
pub fn mail() -> Mail {
    Mail(thread())
}

pub struct Mail(Option<Rc<Thread>>);

impl Future for Mail {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(thread) = &self.0 else {
            return Poll::Ready(());
        };
        thread.remote.mailbox.wake_instead(cx.waker());
        match thread.has_work() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl Drop for Mail {
    fn drop(&mut self) {
        if let Some(thread) = &self.0 {
            thread.remote.mailbox.wake_no_more();
        }
    }
}

/// Whether files and other threads have not been looked at for so long.
pub(crate) fn is_overdue(limit: Duration) -> bool {
    thread().is_some_and(|thread| thread.looked.get().elapsed() > limit)
}

/// Serves what is ready, for a short time: events may beget events.
pub(crate) fn serve_all() {
    let Some(thread) = thread() else { return };
    let start = Instant::now();
    loop {
        thread.pass.set(Pass::Brief);
        // SAFETY: called by a Tcl thread.
        let served = unsafe { stubs::do_one_event(stubs::ALL_EVENTS | stubs::DONT_WAIT) };
        if served == 0 || start.elapsed() > TURN_TIME {
            break;
        }
    }
    thread.pass.set(Pass::Ordinary);
    thread.looked.set(Instant::now());
}

/// Serves timers, idle callbacks, this mailbox and events of other sources which know by themselves that
/// they have any. The notifier is not asked, which takes a call of the operating system, in a threaded
/// Tcl 8.6 even a round trip to another thread.
pub(crate) fn serve_known() {
    let Some(thread) = thread() else { return };
    thread.pass.set(Pass::WithoutNotifier);
    // SAFETY: called by a Tcl thread. Inside an event of Tcl_DoOneEvent the mode is "none", and nothing
    // would be served.
    unsafe {
        let mode = stubs::set_service_mode(stubs::SERVICE_ALL);
        stubs::service_all();
        stubs::set_service_mode(mode);
    }
    thread.pass.set(Pass::Ordinary);
}

/// Registers a target in this thread. The target is made from the notifier that reaches it.
///
/// # Errors
/// `ErrInternal` if this thread is exiting: its exit handlers may still run script.
pub fn register<T: Target + 'static>(
    make: impl FnOnce(Notifier) -> Rc<T>,
) -> Result<(Rc<T>, Ticket)> {
    let Some(thread) = thread() else {
        return Err(Error::internal("this thread is exiting"));
    };
    let id = thread.next_id.get();
    thread.next_id.set(id + 1);
    let target = make(Notifier {
        id,
        remote: thread.remote.clone(),
    });
    let registration = Registration {
        target: target.clone(),
        steps: Rc::default(),
    };
    thread.targets.borrow_mut().insert(id, registration);
    let ticket = Ticket {
        id,
        thread: Rc::downgrade(&thread),
    };
    Ok((target, ticket))
}

/// A constant text as a value that this thread makes once, such as a dict key.
pub fn word(text: &'static str) -> Obj {
    let Some(thread) = thread() else {
        return Obj::from(text);
    };
    let mut words = thread.words.borrow_mut();
    words.entry(text).or_insert_with(|| Obj::from(text)).clone()
}

impl Thread {
    fn has_work(&self) -> bool {
        // The mailbox of a forked process may be locked for ever.
        if fork::is_forked() {
            return !self.forked.get();
        }
        self.remote.mailbox.has_mail() || !self.ready.borrow().is_empty()
    }

    /// The next target in turn, which stays ready behind the others.
    fn next(&self) -> Option<(u64, Registration)> {
        loop {
            let mut ready = self.ready.borrow_mut();
            if ready.is_empty() || self.remote.mailbox.has_mail() {
                self.remote.mailbox.take(&mut ready);
            }
            let id = ready.pop_front()?;
            match self.targets.borrow().get(&id) {
                Some(registration) if registration.steps.depth.get() >= MAX_DEPTH => {
                    registration.steps.parked.set(true);
                }
                Some(registration) => {
                    ready.push_back(id);
                    return Some((id, registration.clone()));
                }
                None => {}
            }
        }
    }

    /// Takes a target out of turn. It is the last one, unless a nested event loop was at work.
    fn finished(&self, id: u64) {
        let mut ready = self.ready.borrow_mut();
        if let Some(at) = ready.iter().rposition(|&other| other == id) {
            ready.remove(at);
        }
    }

    /// Makes sure that a target is ready which a nested event loop has found finished for the moment.
    fn goes_on(&self, id: u64) {
        let mut ready = self.ready.borrow_mut();
        if ready.back() != Some(&id) && !ready.contains(&id) {
            ready.push_back(id);
        }
    }

    /// Puts a target first.
    fn goes_on_first(&self, id: u64) {
        self.finished(id);
        self.ready.borrow_mut().push_front(id);
    }

    fn step(&self, id: u64, registration: &Registration) -> bool {
        struct Ended<'a>(&'a Thread, u64, &'a Steps);
        impl Drop for Ended<'_> {
            fn drop(&mut self) {
                let Ended(thread, id, steps) = self;
                steps.depth.set(steps.depth.get() - 1);
                if steps.parked.take() {
                    thread.ready.borrow_mut().push_back(*id);
                }
            }
        }
        registration
            .steps
            .depth
            .set(registration.steps.depth.get() + 1);
        let _ended = Ended(self, id, &registration.steps);
        guard::catch(|| registration.target.clone().step()).unwrap_or_else(|error| {
            if let Some(interp) = registration.target.interp() {
                interp.get().background_error(error);
            }
            true
        })
    }

    fn tell_of_fork(&self) {
        if self.forked.replace(true) {
            return;
        }
        let registrations: Vec<Registration> = self.targets.borrow().values().cloned().collect();
        for registration in registrations {
            registration.target.forked();
        }
    }

    /// Runs idle callbacks whose turn it is. If there were any the event ends with them: a script that waits
    /// in `vwait` sees what they have written.
    fn serve_idle(&self, flags: core::ffi::c_int) -> bool {
        if self.idle_turn.get() != IdleTurn::NextEvent || flags & stubs::IDLE_EVENTS == 0 {
            return false;
        }
        self.idle_turn.set(IdleTurn::Over);
        // SAFETY: called by a Tcl thread.
        unsafe { stubs::do_one_event(stubs::IDLE_EVENTS | stubs::DONT_WAIT) != 0 }
    }

    fn take_turns(&self) {
        if fork::is_forked() {
            return self.tell_of_fork();
        }
        let start = Instant::now();
        while start.elapsed() < TURN_TIME {
            let Some((id, registration)) = self.next() else {
                return;
            };
            self.turns.set(self.turns.get() + 1);
            let ends = self.ends.get();
            let mut more = true;
            for step in 1..=SLICE {
                more = self.step(id, &registration);
                if fork::is_forked() {
                    return;
                }
                if self.ends.get() != ends {
                    self.goes_on_first(id);
                    self.idle_turn.set(IdleTurn::NextPass);
                    return;
                }
                let late = step % CLOCK == 0 && start.elapsed() >= TURN_TIME;
                if !more || late {
                    break;
                }
            }
            // A notification that comes while the last item is taken posts the id again.
            match more {
                true => self.goes_on(id),
                false => self.finished(id),
            }
        }
        if self.has_work() {
            self.idle_turn.set(IdleTurn::NextPass);
        }
    }
}

/// Whether a pass through the event loop is for events of our kind: they come as those of a file do.
fn is_for_us(flags: core::ffi::c_int) -> bool {
    flags & stubs::FILE_EVENTS != 0
}

unsafe extern "C" fn on_setup(_: stubs::ClientData, flags: core::ffi::c_int) {
    guard::quiet((), || {
        let Some(thread) = thread() else { return };
        if is_for_us(flags) && thread.has_work() {
            // SAFETY: called from within the notifier of this thread.
            unsafe { stubs::dont_block() }
        }
        if fork::is_forked() {
            return;
        }
        if let (Some(f), Pass::Ordinary) = (BEFORE_SLEEP.get(), thread.pass.get()) {
            f();
        }
    });
}

unsafe extern "C" fn on_check(_: stubs::ClientData, flags: core::ffi::c_int) {
    guard::quiet((), || {
        let Some(thread) = thread() else { return };
        if !is_for_us(flags) {
            return;
        }
        if thread.pass.replace(Pass::Ordinary) != Pass::WithoutNotifier {
            thread.looked.set(Instant::now());
        }
        if !thread.has_work() || thread.queued.get() {
            return;
        }
        if thread.idle_turn.get() == IdleTurn::NextPass {
            thread.idle_turn.set(IdleTurn::NextEvent);
            return;
        }
        thread.queued.set(true);
        // SAFETY: Tcl frees the event, which Tcl_Alloc made, after its procedure has run.
        unsafe {
            let event = stubs::alloc(size_of::<stubs::Event>()) as *mut stubs::Event;
            event.write(stubs::Event {
                proc_: Some(on_event),
                next: null_mut(),
            });
            stubs::queue_event(event, stubs::QUEUE_TAIL);
        }
    });
}

unsafe extern "C" fn on_event(_: *mut stubs::Event, flags: core::ffi::c_int) -> core::ffi::c_int {
    if !is_for_us(flags) {
        // It stays in Tcl's queue.
        return 0;
    }
    guard::quiet((), || {
        if let Some(thread) = thread() {
            // Before any script runs: a nested event loop queues an event of its own.
            thread.queued.set(false);
            if !thread.serve_idle(flags) {
                thread.take_turns();
            }
        }
    });
    1
}

unsafe extern "C" fn on_thread_exit(_: stubs::ClientData) {
    guard::quiet((), || {
        let Some(thread) = THREAD
            .try_with(|t| t.try_borrow_mut().ok()?.take())
            .ok()
            .flatten()
        else {
            return;
        };
        // SAFETY: the same source as in `start_thread`, whose procedures take no data.
        unsafe { stubs::delete_event_source(on_setup, on_check, null_mut()) };
        let targets = std::mem::take(&mut *thread.targets.borrow_mut());
        if fork::is_forked() {
            return fork::keep(targets);
        }
        thread.remote.mailbox.close();
        // Values held by targets are released here, while this thread's Tcl still lives.
        let words = std::mem::take(&mut *thread.words.borrow_mut());
        drop((targets, words));
    });
}

/// A queue into a Tcl thread. The receiver's target is notified when the queue was empty.
pub fn channel<T: Send>() -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        items: Mutex::default(),
        notifier: OnceLock::new(),
    });
    let receiver = Receiver {
        shared: shared.clone(),
        batch: RefCell::default(),
    };
    (Sender { shared }, receiver)
}

struct Shared<T> {
    items: Mutex<VecDeque<T>>,
    notifier: OnceLock<Notifier>,
}

/// The sending half of a [`channel`], for any thread.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender {
            shared: self.shared.clone(),
        }
    }
}

impl<T> Sender<T> {
    pub fn send(&self, item: T) {
        self.put(|items| items.push_back(item));
    }

    /// Queues all of them under one lock.
    pub fn send_all(&self, from: impl IntoIterator<Item = T>) {
        self.put(|items| items.extend(from));
    }

    fn put(&self, f: impl FnOnce(&mut VecDeque<T>)) {
        let notify = {
            let mut items = lock(&self.shared.items);
            let was_empty = items.is_empty();
            f(&mut items);
            was_empty && !items.is_empty()
        };
        if notify {
            if let Some(notifier) = self.shared.notifier.get() {
                notifier.notify();
            }
        }
    }
}

/// The receiving half of a [`channel`], in the Tcl thread.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// What was taken from the shared queue as a whole, popped one by one.
    batch: RefCell<VecDeque<T>>,
}

impl<T> Receiver<T> {
    /// Says whom to notify; what was sent before notifies now.
    pub fn attach(&self, notifier: Notifier) {
        // A second target would never hear of anything.
        debug_assert!(self.shared.notifier.get().is_none());
        // Set before looking: what is sent after the look finds the notifier.
        let notifier = self.shared.notifier.get_or_init(|| notifier);
        if !lock(&self.shared.items).is_empty() {
            notifier.notify();
        }
    }

    /// Nothing comes in a forked process.
    pub fn pop(&self) -> Option<T> {
        if fork::is_forked() {
            return None;
        }
        let mut batch = self.batch.borrow_mut();
        if batch.is_empty() {
            std::mem::swap(&mut *batch, &mut *lock(&self.shared.items));
        }
        batch.pop_front()
    }

    /// Looks at all that waits. Others that send have to wait meanwhile.
    pub fn for_each(&self, mut look: impl FnMut(&T)) {
        if fork::is_forked() {
            return;
        }
        self.batch.borrow().iter().for_each(&mut look);
        lock(&self.shared.items).iter().for_each(look);
    }

    /// Forgets all that waits.
    pub fn clear(&self) {
        let batch = std::mem::take(&mut *self.batch.borrow_mut());
        let items = std::mem::take(&mut *lock(&self.shared.items));
        drop((batch, items));
    }
}
