//! PUC Lua compiles nothing: see `jit.rs`, its twin.
#![allow(unsafe_code)]

use super::cookie::Cookie;
use super::moment::Moment;

/// # Safety
/// None here; its twin reads the cookie.
pub unsafe fn to_write(_cookie: *mut Cookie) -> Moment {
    Moment::Now
}

/// # Safety
/// None here; its twin reads the cookie.
pub unsafe fn to_read(_cookie: *mut Cookie) -> Moment {
    Moment::Now
}

/// What another thread's `fflush(NULL)` leaves behind waits for the next write, or the close.
///
/// # Safety
/// None here; its twin reads the cookie.
pub unsafe fn deliver_soon(_cookie: *mut Cookie) {}
