//! What is known of a box outside its heap: limits and what was spent, streams, state of health, what is to be told to whom.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use mlua::ffi::lua_State;

use super::allowance::{shallow, Limits, Spent};
use super::copies::Books;
use super::journal::event::Event;
use super::journal::Tape;
use super::ledger::Ledger;
use super::limits::{Asked, Limit, Per};
use super::opened::Files;
use super::request::{Bound, Id, Stream};
use super::threads::Threads;
use super::wall::Wall;
use crate::engine::heap::{Budget, Heap};

/// Why a box can't go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Limit(Limit),
    Stack,
    Fault,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Limit(limit) => limit.name(),
            Kind::Stack => "stack",
            Kind::Fault => "fault",
        }
    }
}

/// What `box:status()` tells (it adds `running`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Ready,
    Exhausted(Kind),
    Killed(Kind),
    Closed,
}

/// Drops what lies in a cell, unless somebody looks at it.
pub(super) fn clear<T: Default>(cell: &RefCell<T>) {
    if let Ok(mut place) = cell.try_borrow_mut() {
        *place = T::default();
    }
}

/// A box, but for what lies in its heap.
pub struct Core {
    pub id: Id,
    /// The number that the level above knows it by: another than its own where one of the two is a copy.
    pub name: Id,
    pub parent: Option<Rc<Core>>,
    pub children: RefCell<Vec<Id>>,
    pub budget: Rc<Budget>,
    pub heap: RefCell<Option<Heap>>,
    /// The state's main thread; null until it has been opened.
    pub main: Cell<*mut lua_State>,
    pub threads: Threads,
    /// Bytes that were left when the garbage was last collected for want of room.
    pub collected: Cell<usize>,
    /// Calls under way.
    pub running: Cell<usize>,
    pub status: Cell<Status>,
    /// Whether its instructions have ever been counted.
    pub counted: Cell<bool>,
    /// Whether LuaJIT's compiler is on.
    pub compiles: Cell<bool>,
    /// What the stop said, with its position.
    pub stopped: RefCell<Vec<u8>>,
    pub traceback: RefCell<Option<Vec<u8>>>,
    pub limits: Cell<Limits>,
    pub spent: Cell<Spent>,
    pub wall: Wall,
    /// What each stream is bound to, and the number of that assignment.
    streams: [Cell<(Bound, u64)>; 3],
    /// The `FILE` behind a stream that was found to have a position since streams were bound last; its address.
    pub positioned: Cell<usize>,
    pub environment: Cell<bool>,
    /// What it sees of the file system.
    pub files: Files,
    pub exit: Cell<Option<i64>>,
    pub ledger: Ledger,
    /// Mixed into what `tostring` shows.
    pub secret: u64,
    /// State of `math.random`.
    pub random: Cell<[u64; 4]>,
    /// The heap is a copy whose own generator, if it has one, is still that of all copies.
    pub unseeded: Cell<bool>,
    /// Marks, and what else copies need.
    pub copies: Books,
    /// Its recording or replay, if it has one.
    pub tape: Tape,
}

impl Core {
    pub fn new(id: Id, parent: Option<Rc<Core>>, asked: &Asked, budget: Rc<Budget>, seed: [u64; 5]) -> Core {
        let mut limits = Limits::of(asked);
        limits.set(Limit::Depth, shallow(limits.get(Limit::Depth), parent.as_deref()));
        let [secret, random @ ..] = seed;
        let ledger = Ledger::new(&budget);
        Core {
            id,
            name: id,
            parent,
            children: RefCell::default(),
            budget,
            heap: RefCell::new(None),
            main: Cell::new(std::ptr::null_mut()),
            threads: Threads::default(),
            collected: Cell::new(0),
            running: Cell::new(0),
            status: Cell::new(Status::Ready),
            counted: Cell::new(false),
            compiles: Cell::new(true),
            stopped: RefCell::default(),
            traceback: RefCell::default(),
            limits: Cell::new(limits),
            spent: Cell::default(),
            wall: Wall::new(),
            streams: [const { Cell::new((Bound::Nothing, 1)) }; 3],
            positioned: Cell::new(0),
            environment: Cell::new(false),
            files: Files::default(),
            exit: Cell::new(None),
            ledger,
            secret,
            random: Cell::new(random),
            unseeded: Cell::new(false),
            copies: Books::default(),
            tape: Tape::default(),
        }
    }

    /// Makes this the core of another box. Nothing of the last one is left but room.
    pub fn renew(
        &mut self,
        id: Id,
        parent: Option<Rc<Core>>,
        asked: &Asked,
        budget: Rc<Budget>,
        seed: [u64; 5],
    ) {
        let threads = std::mem::take(&mut self.threads);
        threads.reset(0);
        *self = Core::new(id, parent, asked, budget, seed);
        self.threads = threads;
    }

    /// The box is closed: lets go of what may be large, or is somebody else's.
    pub fn empty(&self) {
        clear(&self.traceback);
        clear(&self.stopped);
        clear(&self.children);
        clear(&self.files.grants);
        self.ledger.empty();
    }

    /// This box and all above it, inside out.
    pub fn chain(&self) -> impl Iterator<Item = &Core> {
        let mut at = Some(self);
        std::iter::from_fn(move || {
            let core = at?;
            at = core.parent.as_deref();
            Some(core)
        })
    }

    /// The box of the host's own that this one is, or is below.
    pub fn top(self: &Rc<Core>) -> Rc<Core> {
        let mut at = self;
        while let Some(above) = &at.parent {
            at = above;
        }
        Rc::clone(at)
    }

    /// The outermost box of the chain that can't go on.
    pub fn doomed(&self) -> Option<&Core> {
        self.chain().filter(|core| core.status.get() != Status::Ready).last()
    }

    /// Whether a call may go the short road: a box of the host's own, at rest, of which nothing is asked on the way.
    #[inline(always)]
    pub fn is_plain(&self) -> bool {
        self.running.get() == 0
            && self.goes_smoothly()
            && self.parent.is_none()
            && !self.unseeded.get()
            && self.limits.get().per == Per::Life
            && self.ledger.is_settled()
            && !(crate::lua::compat::V51 && self.is_filling())
    }

    /// Whether a call that has gone that road so far may go on there.
    #[inline(always)]
    pub fn goes_smoothly(&self) -> bool {
        self.status.get() == Status::Ready
            && self.tape.is_off()
            && !self.counted.get()
            && self.compiles.get()
            && self.limits.get().get(Limit::Instructions).is_infinite()
    }

    /// Whether what fills the box may be garbage that no allocation of Lua's own has made it collect.
    pub fn is_filling(&self) -> bool {
        let (used, room) = (self.budget.used(), self.budget.headroom());
        room < used / 4 && used.saturating_sub(self.collected.get()) > room
    }

    /// Assigns a stream.
    pub fn bind(&self, stream: Stream, bound: Bound) {
        if let Some(place) = self.streams.get(stream.index()) {
            place.set((bound, place.get().1 + 1));
        }
        self.positioned.set(0);
        self.tape.note(&Event::Bind { stream: stream.index() as u8, assigned: bound != Bound::Nothing });
    }

    /// Makes a stream be bound to something else, under the number of the same assignment or of one that is given.
    pub fn rebind(&self, stream: Stream, bound: Bound, number: Option<u64>) {
        if let Some(place) = self.streams.get(stream.index()) {
            place.set((bound, number.unwrap_or(place.get().1)));
        }
        self.positioned.set(0);
    }

    /// What a stream is bound to, and the number of that assignment, from 1.
    pub fn binding(&self, stream: Stream) -> (Bound, u64) {
        self.streams.get(stream.index()).map_or((Bound::Nothing, 1), Cell::get)
    }

    /// What the three streams are bound to.
    pub fn bindings(&self) -> [(Bound, u64); 3] {
        self.streams.each_ref().map(Cell::get)
    }

    /// Takes over the bindings of another box.
    pub fn set_bindings(&self, bindings: [(Bound, u64); 3]) {
        for (place, bound) in self.streams.iter().zip(bindings) {
            place.set(bound);
        }
        self.positioned.set(0);
    }

    /// Stops the box softly: what it says, position in front.
    pub fn exhaust(&self, limit: Limit, position: &str) {
        if self.status.get() != Status::Ready {
            return;
        }
        self.status.set(Status::Exhausted(Kind::Limit(limit)));
        self.say(&format!("{position}{}", limit.message(self.limits.get().get(limit))));
    }

    /// Ends the box for good.
    pub fn kill(&self, kind: Kind, message: &str) {
        if !matches!(self.status.get(), Status::Ready | Status::Exhausted(_)) {
            return;
        }
        self.status.set(Status::Killed(kind));
        self.say(message);
        // Its stack can't be read.
        self.set_traceback(message.as_bytes());
    }

    /// Keeps what [`Request::Traceback`](super::request::Request) gives.
    pub fn set_traceback(&self, text: &[u8]) {
        if let Ok(mut place) = self.traceback.try_borrow_mut() {
            let mut copy = place.take().unwrap_or_default();
            copy.clear();
            if copy.try_reserve(text.len()).is_ok() {
                copy.extend_from_slice(text);
                *place = Some(copy);
            }
        }
    }

    fn say(&self, message: &str) {
        if let Ok(mut stopped) = self.stopped.try_borrow_mut() {
            stopped.clear();
            if stopped.try_reserve(message.len()).is_ok() {
                stopped.extend_from_slice(message.as_bytes());
            }
        }
    }

    /// What a call into a box that can't go on raises: the stop's own words the first time, without the position later.
    pub fn excuse(&self, first: bool) -> String {
        let said = String::from_utf8_lossy(&self.stopped.borrow()).into_owned();
        match self.status.get() {
            Status::Ready => String::new(),
            Status::Closed => "sandbox is closed".to_owned(),
            Status::Exhausted(_) | Status::Killed(_) if first => said,
            Status::Exhausted(Kind::Limit(limit)) => limit.message(self.limits.get().get(limit)),
            Status::Exhausted(_) => said,
            Status::Killed(_) => format!("sandbox is killed ({said})"),
        }
    }
}
