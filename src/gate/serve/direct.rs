//! Functions of the host's, called with scalars from within the driver.
//!
//! What each such call needs lies on the host's Lua stack from the first of them on until the driver is done ([`Direct`]); a call
//! pushes the function and its arguments, and no more. None of it allocates or raises outside a protected call. What is no scalar among the
//! results, or an error, is sent by a function of ours ([`deliver`]).
//!
//! # Safety
//! The run that asks is there until it is answered; see [`Direct::call`].
#![allow(unsafe_code)]

use std::os::raw::c_int;
use std::ptr;

use super::send_from;
use crate::engine::luajit;
use crate::gate::level::Level;
use crate::gate::link::{field, Link};
use crate::gate::realm::Realm;
use crate::gate::request::Reply;
use crate::gate::run::Run;
use crate::gate::scalars::MOST;
use crate::gate::trace;
use crate::lua::{function, Key, Kind, State};

/// Where the registry keeps what calls start with: pushing these allocates nothing.
static HANDLER: Key = Key::new();
static DELIVER: Key = Key::new();

/// What lies where, above what the host's code has on its stack.
const AT_HANDLER: c_int = 1;
const AT_EXPORTS: c_int = 2;
const AT_DELIVER: c_int = 3;

/// Room on its stack that the host's code sees to before it calls the driver: these, a function, its arguments, and what pushes them.
pub const ROOM: c_int = AT_DELIVER + 1 + MOST as c_int + 4;

/// Bare: prepares a host's state.
pub fn open(s: State) {
    for (key, f) in [(&HANDLER, function(trace::direct_handler)), (&DELIVER, function(deliver))] {
        s.push_function(f);
        s.registry_set(key);
    }
}

/// Bare: pushes what the proxy of a box's function keeps for [`Direct::of_proxy`]: how many values. In a box below, which has none of
/// it, they are nil.
pub fn push_tools(s: State) -> c_int {
    s.registry_get(&HANDLER);
    s.registry_get(&DELIVER);
    2
}

/// The host's side of one driver.
pub struct Direct {
    root: State,
    /// Whether the function that runs there is the proxy of a function of the box's.
    of_proxy: bool,
    /// What is on the host's stack below what lies ready there; `None` before the first call.
    top: Option<c_int>,
    /// [`Realm::caller`] before.
    before: usize,
}

impl Direct {
    /// For calls on the host's Lua thread `root`, whose running function has [`ROOM`].
    pub fn new(root: State) -> Direct {
        Direct { root, of_proxy: false, top: None, before: 0 }
    }

    /// The same where that function is a proxy, with [`push_tools`] from its third upvalue on.
    pub fn of_proxy(root: State) -> Direct {
        Direct { root, of_proxy: true, top: None, before: 0 }
    }

    /// Calls the function that the host has exported to the box of `asker` under `number`, with the realm's scalars. Results that are
    /// scalars go back the same way.
    #[inline(always)]
    pub fn call(&mut self, realm: &Realm, asker: &Run, number: u64) -> Reply {
        let s = self.root;
        let top = match self.top {
            Some(top) => top,
            None => match self.prepare(realm, asker) {
                Some(top) => top,
                None => return tell(realm, asker, b"sandbox is closed"),
            },
        };
        let base = top + AT_DELIVER;
        if !s.raw_geti_any(top + AT_EXPORTS, number as i64) {
            s.set_top(base);
            return tell(realm, asker, b"the function is gone");
        }
        let n = realm.scalars.push(s);
        let ok = s.pcall(n, State::ALL, top + AT_HANDLER);
        if ok && realm.scalars.take(s, base + 1) {
            s.set_top(base);
            asker.by_scalars.set(true);
            return Reply::Values;
        }
        self.send(realm, asker, base, ok)
    }

    #[cold]
    fn prepare(&mut self, realm: &Realm, asker: &Run) -> Option<c_int> {
        let s = self.root;
        let top = s.top();
        if self.of_proxy {
            // A host with `debug` can put anything there.
            s.copy(State::upvalue(3));
            if s.kind(State::upvalue(2)) == Kind::Userdata {
                s.push_user_table(State::upvalue(2));
            } else {
                s.push_nil();
            }
        } else {
            s.registry_get(&HANDLER);
            if !Link::Below(asker.core.id).push_table(s) {
                s.push_nil();
            }
        }
        if s.kind(-1) == Kind::Table {
            s.raw_geti(-1, field::BY_NUMBER);
            s.replace(-2);
        }
        if s.kind(-1) != Kind::Table {
            s.set_top(top);
            return None;
        }
        self.push_deliverer();
        self.before = realm.caller.replace(s.running());
        self.top = Some(top);
        self.top
    }

    fn push_deliverer(&self) {
        match self.of_proxy {
            true => self.root.copy(State::upvalue(4)),
            false => self.root.registry_get(&DELIVER),
        }
    }

    /// Sends what is no scalar of what has come of a call: what lies above `base`. All of that is taken off, and the deliverer is put back.
    #[cold]
    fn send(&self, realm: &Realm, asker: &Run, base: c_int, ok: bool) -> Reply {
        let s = self.root;
        asker.by_scalars.set(false);
        if asker.lend().is_null() {
            s.set_top(base);
            return Reply::NoMemory;
        }
        asker.reply.set(if ok { Reply::Values } else { Reply::Error });
        realm.delivering.set(asker);
        let sent = s.pcall(s.top() - base, 0, 0);
        let reply = match sent {
            true if realm.delivering.get().is_null() => asker.reply.get(),
            true => Reply::NoMemory,
            false => tell(realm, asker, s.bytes(-1).unwrap_or(b"error in error handling")),
        };
        realm.delivering.set(ptr::null());
        s.set_top(base - 1);
        self.push_deliverer();
        reply
    }

    /// Takes from the host's stack what lies ready there. The host's code goes on.
    #[inline(always)]
    pub fn end(&mut self, realm: &Realm) {
        if let Some(top) = self.top.take() {
            self.root.set_top(top);
            realm.caller.set(self.before);
            // The function may have run other threads of the host's.
            // SAFETY: the driver was called on that thread.
            unsafe { luajit::set_running(self.root.as_ptr(), self.root.as_ptr()) };
        }
    }
}

/// Answers with an error string.
#[cold]
fn tell(realm: &Realm, asker: &Run, text: &[u8]) -> Reply {
    asker.by_scalars.set(false);
    let exchange = if asker.asked.get().is_null() { asker.lend() } else { asker.asked.get() };
    if exchange.is_null() {
        return Reply::NoMemory;
    }
    Level::Host(realm as *const Realm as *mut Realm).tell(exchange, text)
}

/// Called with the results of a host function, or with the error object.
fn deliver(s: State) -> c_int {
    let level = Level::of(s);
    let Level::Host(realm) = level else { return 0 };
    // SAFETY: the realm lives as long as its state. Null where a host has got hold of this function; else the run waits for the answer.
    let asker = unsafe { (*realm).delivering.replace(ptr::null()).as_ref() };
    if let Some(asker) = asker {
        let link = Link::Below(asker.core.id);
        let ok = asker.reply.get() == Reply::Values;
        asker.reply.set(send_from(s, level, asker.asked.get(), link, ok, 1));
    }
    0
}
