//! A box runs under the C locale, whatever the host's is: nothing inside reads it, and `setlocale` is not there to change it.
//!
//! # Safety
//! The locale object is made once and never freed; `uselocale` concerns the calling thread only.
#![allow(unsafe_code)]

use once_cell::sync::Lazy;

static C: Lazy<usize> = Lazy::new(|| {
    // SAFETY: a new object, made from nothing.
    unsafe { libc::newlocale(libc::LC_ALL_MASK, c"C".as_ptr(), std::ptr::null_mut()) as usize }
});

/// Runs `f` with the calling thread's locale set to C.
pub fn under_c<R>(f: impl FnOnce() -> R) -> R {
    let c = *C as libc::locale_t;
    if c.is_null() {
        return f();
    }
    // SAFETY: both are valid locale objects; the old one is put back. `f` doesn't unwind: a coroutine passes panics on as values,
    // and what is resumed is bare code, which has none.
    unsafe {
        let old = libc::uselocale(c);
        let result = f();
        libc::uselocale(old);
        result
    }
}
