//! Whether this process was forked off one that had loaded the library.
//!
//! Such a process has all of its parent's memory and none of its threads: nobody answers, and a lock that
//! another thread held stays locked. It has copies of the parent's sockets, too. So nothing of what the parent
//! has made is touched there: methods refuse, and what would be released is left as it is.

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::mem::ManuallyDrop;
use std::process;

/// The process that was forked off last, seen from here; none has the id 0.
static CHILD: AtomicU32 = AtomicU32::new(0);
/// Threads that are calling a function of Tcl's which holds a lock meanwhile.
static CALLS: AtomicUsize = AtomicUsize::new(0);
/// Threads that are forking.
static FORKS: AtomicUsize = AtomicUsize::new(0);

/// Whether the calling process is a forked one.
pub fn is_forked() -> bool {
    let child = CHILD.load(Ordering::Relaxed);
    // A child that shares its parent's memory until it calls `exec` must not count there.
    child != 0 && child == process::id()
}

/// What would be dropped is kept for ever: what belongs to it is the parent's.
pub(crate) fn keep<T>(value: T) {
    let _ = ManuallyDrop::new(value);
}

/// Calls a function of Tcl's from a thread that is not Tcl's, not while another one forks: Tcl would find its
/// lock locked in the child, where `exit` needs it.
pub(crate) fn not_while_forking(f: impl FnOnce()) {
    struct Call;
    impl Drop for Call {
        fn drop(&mut self) {
            CALLS.fetch_sub(1, Ordering::SeqCst);
        }
    }
    loop {
        CALLS.fetch_add(1, Ordering::SeqCst);
        let call = Call;
        if FORKS.load(Ordering::SeqCst) == 0 {
            f();
            return;
        }
        drop(call);
        std::thread::yield_now();
    }
}

/// Takes note of forks from now on.
#[cfg(unix)]
pub(crate) fn notice() {
    use core::ffi::c_int;
    use std::sync::Once;

    type Handler = Option<unsafe extern "C" fn()>;
    extern "C" {
        fn pthread_atfork(prepare: Handler, parent: Handler, child: Handler) -> c_int;
    }
    unsafe extern "C" fn before() {
        FORKS.fetch_add(1, Ordering::SeqCst);
        while CALLS.load(Ordering::SeqCst) > 0 {
            std::thread::yield_now();
        }
    }
    unsafe extern "C" fn in_parent() {
        FORKS.fetch_sub(1, Ordering::SeqCst);
    }
    unsafe extern "C" fn in_child() {
        FORKS.store(0, Ordering::SeqCst);
        CALLS.store(0, Ordering::SeqCst);
        CHILD.store(process::id(), Ordering::Relaxed);
    }
    static ONCE: Once = Once::new();
    // SAFETY: the handlers stay mapped, since the library is never unloaded, and neither allocate nor lock.
    // Without memory for them (the one error) forks go unnoticed.
    ONCE.call_once(|| unsafe {
        pthread_atfork(Some(before), Some(in_parent), Some(in_child));
    });
}

#[cfg(not(unix))]
pub(crate) fn notice() {}
