//! What is set up once per process, by the first box: signal handlers, fork handlers, the watchdog.
//!
//! # Safety
//! Fork handlers run on the thread that forks and only take and release our own locks.
#![allow(unsafe_code)]

use once_cell::sync::Lazy;

use super::{clock, heap, stack};

static READY: Lazy<bool> = Lazy::new(|| {
    // SAFETY: the three functions below are valid for the life of the process: the library is linked `nodelete`.
    let fork = unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) == 0 };
    let ready = fork && clock::signal::install();
    super::luajit::study();
    ready
});

/// Sets the process up for boxes; false where the system refuses, and then none may run.
pub fn ready() -> bool {
    *READY && clock::watchdog::start()
}

extern "C" fn prepare() {
    stack::fork_lock();
    heap::fork_lock();
}

extern "C" fn parent() {
    heap::fork_unlock();
    stack::fork_unlock();
}

extern "C" fn child() {
    parent();
    clock::forget_threads();
}
