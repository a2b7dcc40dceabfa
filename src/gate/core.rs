//! What is known of a box outside its heap: limits and what was spent, streams, state of health, what is to be told to whom.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use mlua::ffi::lua_State;

use super::ledger::Ledger;
use super::limits::{nanoseconds, Asked, Limit, Per, MAX_DEPTH};
use super::opened::Files;
use super::request::{Bound, Id, Stream};
use crate::engine::clock::NEVER;
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

/// A box, but for what lies in its heap.
pub struct Core {
    pub id: Id,
    pub parent: Option<Rc<Core>>,
    pub children: RefCell<Vec<Id>>,
    pub budget: Rc<Budget>,
    pub heap: RefCell<Option<Heap>>,
    /// The state's main thread; null until it has been opened.
    pub main: Cell<*mut lua_State>,
    /// How many Lua threads for calls lie ready on the main thread's stack.
    pub threads: Cell<usize>,
    /// Bytes that were left when the garbage was last collected for want of room.
    pub collected: Cell<usize>,
    /// Calls under way.
    pub running: Cell<usize>,
    pub status: Cell<Status>,
    /// What the stop said, with its position.
    pub stopped: RefCell<Vec<u8>>,
    pub traceback: RefCell<Option<Vec<u8>>>,
    pub limits: Cell<Limits>,
    pub spent: Cell<Spent>,
    /// When the call under way is over, on the monotonic clock.
    pub wall_deadline: Cell<u64>,
    /// When it began; 0 for none.
    pub call_began: Cell<u64>,
    /// What each stream is bound to, and the number of that assignment.
    streams: [Cell<(Bound, u64)>; 3],
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
}

/// Limits in force.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub memory: f64,
    pub cpu: f64,
    pub wall: f64,
    pub output: f64,
    pub depth: f64,
    pub files: f64,
    pub per: Per,
}

/// What of the allowances has been spent, and what in all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// CPU time of the allowance under way, ns.
    pub cpu: u64,
    /// Bytes written in the allowance under way.
    pub output: u64,
    pub cpu_total: u64,
    pub output_total: u64,
    /// Real time of all calls, ns.
    pub wall_total: u64,
}

impl Limits {
    pub fn of(asked: &Asked) -> Limits {
        let value = |limit: Limit| asked.get(limit).unwrap_or(limit.definition().default);
        Limits {
            memory: value(Limit::Memory),
            cpu: value(Limit::Cpu),
            wall: value(Limit::Wall),
            output: value(Limit::Output),
            depth: value(Limit::Depth),
            files: value(Limit::Files),
            per: asked.per.unwrap_or_default(),
        }
    }

    pub fn get(&self, limit: Limit) -> f64 {
        match limit {
            Limit::Memory => self.memory,
            Limit::Cpu => self.cpu,
            Limit::Wall => self.wall,
            Limit::Output => self.output,
            Limit::Depth => self.depth,
            Limit::Files => self.files,
        }
    }
}

impl Core {
    pub fn new(id: Id, parent: Option<Rc<Core>>, asked: &Asked, budget: Rc<Budget>, seed: [u64; 5]) -> Core {
        let mut limits = Limits::of(asked);
        limits.depth = limits.depth.min(f64::from(most_below(parent.as_deref())));
        let [secret, random @ ..] = seed;
        let ledger = Ledger::new(&budget);
        Core {
            id,
            parent,
            children: RefCell::default(),
            budget,
            heap: RefCell::new(None),
            main: Cell::new(std::ptr::null_mut()),
            threads: Cell::new(0),
            collected: Cell::new(0),
            running: Cell::new(0),
            status: Cell::new(Status::Ready),
            stopped: RefCell::default(),
            traceback: RefCell::default(),
            limits: Cell::new(limits),
            spent: Cell::default(),
            wall_deadline: Cell::new(NEVER),
            call_began: Cell::new(0),
            streams: [const { Cell::new((Bound::Nothing, 1)) }; 3],
            environment: Cell::new(false),
            files: Files::default(),
            exit: Cell::new(None),
            ledger,
            secret,
            random: Cell::new(random),
            unseeded: Cell::new(false),
        }
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

    /// The outermost box of the chain that can't go on.
    pub fn doomed(&self) -> Option<&Core> {
        self.chain().filter(|core| core.status.get() != Status::Ready).last()
    }

    /// How many levels of boxes there may be below this one, by its own limit and those of all above it.
    pub fn depth_left(&self) -> u32 {
        let left = |(above, core): (u32, &Core)| (core.limits.get().depth as u32).saturating_sub(above);
        (0..).zip(self.chain()).map(left).min().unwrap_or(0)
    }

    /// Assigns a stream.
    pub fn bind(&self, stream: Stream, bound: Bound) {
        if let Some(place) = self.streams.get(stream.index()) {
            place.set((bound, place.get().1 + 1));
        }
    }

    /// What a stream is bound to, and the number of that assignment, from 1.
    pub fn binding(&self, stream: Stream) -> (Bound, u64) {
        self.streams.get(stream.index()).map_or((Bound::Nothing, 1), Cell::get)
    }

    /// CPU time that is left of the allowance, ns.
    pub fn cpu_left(&self) -> u64 {
        let limit = self.limits.get().cpu;
        if limit.is_infinite() {
            return NEVER;
        }
        nanoseconds(limit).saturating_sub(self.spent.get().cpu)
    }

    /// Charges CPU time to this box and all above it.
    pub fn charge_cpu(&self, ns: u64) {
        for core in self.chain() {
            let mut spent = core.spent.get();
            spent.cpu = spent.cpu.saturating_add(ns);
            spent.cpu_total = spent.cpu_total.saturating_add(ns);
            core.spent.set(spent);
        }
    }

    /// Takes `n` bytes of output from this box and all above it: how many may be written, and whose limit is in the way.
    pub fn charge_output(&self, n: usize) -> (usize, Option<&Core>) {
        let mut allowed = n as u64;
        let mut victim = None;
        for core in self.chain() {
            let limit = core.limits.get().output;
            if limit.is_finite() {
                let left = (limit as u64).saturating_sub(core.spent.get().output);
                // The outermost of several is named.
                if left < allowed || (victim.is_some() && left <= allowed) {
                    allowed = left;
                    victim = Some(core);
                }
            }
        }
        for core in self.chain() {
            let mut spent = core.spent.get();
            spent.output = spent.output.saturating_add(allowed);
            spent.output_total = spent.output_total.saturating_add(allowed);
            core.spent.set(spent);
        }
        (allowed as usize, victim)
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

    /// Applies limits that were asked for, each with a fresh allowance. The error names the option.
    pub fn set_limits(&self, asked: &Asked) -> Result<(), String> {
        let mut limits = self.limits.get();
        let mut spent = self.spent.get();
        if let Some(depth) = asked.get(Limit::Depth) {
            limits.depth = depth.min(f64::from(most_below(self.parent.as_deref())));
        }
        if let Some(memory) = asked.get(Limit::Memory) {
            let size = super::limits::slot_size(memory);
            if let Some(heap) = self.heap.borrow_mut().as_mut() {
                // A box that was made with a small limit can't be moved to where there is more address space.
                if !heap.grow(size) && memory > heap.capacity() as f64 && memory.is_finite() {
                    return Err(format!("option 'memory': at most {} bytes for this box", heap.capacity()));
                }
            }
            limits.memory = memory;
            self.budget.set_limit(super::limits::whole(memory));
        }
        let mut renewed = Vec::new();
        if let Some(cpu) = asked.get(Limit::Cpu) {
            limits.cpu = cpu;
            spent.cpu = 0;
            renewed.push(Limit::Cpu);
        }
        if let Some(wall) = asked.get(Limit::Wall) {
            limits.wall = wall;
            renewed.push(Limit::Wall);
            if self.running.get() > 0 {
                self.start_wall(wall);
            }
        }
        if let Some(output) = asked.get(Limit::Output) {
            limits.output = output;
            spent.output = 0;
            renewed.push(Limit::Output);
        }
        if let Some(files) = asked.get(Limit::Files) {
            limits.files = files;
        }
        if let Some(per) = asked.per {
            limits.per = per;
        }
        self.limits.set(limits);
        self.spent.set(spent);
        if let Status::Exhausted(Kind::Limit(limit)) = self.status.get() {
            if renewed.contains(&limit) {
                self.status.set(Status::Ready);
            }
        }
        Ok(())
    }

    /// Starts the allowance of real time.
    pub fn start_wall(&self, limit: f64) {
        let deadline = if limit.is_infinite() {
            NEVER
        } else {
            crate::engine::clock::mono_ns().saturating_add(nanoseconds(limit))
        };
        self.wall_deadline.set(deadline);
    }

    /// Begins a call from the owner: fresh allowances where they last for a call.
    pub fn begin_call(&self) {
        let limits = self.limits.get();
        if self.running.get() == 0 {
            if limits.per == Per::Call {
                let mut spent = self.spent.get();
                spent.cpu = 0;
                spent.output = 0;
                self.spent.set(spent);
                if matches!(self.status.get(), Status::Exhausted(_)) {
                    self.status.set(Status::Ready);
                }
            }
            self.call_began.set(crate::engine::clock::mono_ns());
            self.start_wall(limits.wall);
        }
    }

    /// Ends the outermost call.
    pub fn end_call(&self) {
        self.wall_deadline.set(NEVER);
        let mut spent = self.spent.get();
        spent.wall_total = self.wall_used();
        self.spent.set(spent);
        self.call_began.set(0);
    }

    /// Real time of all calls so far, ns.
    pub fn wall_used(&self) -> u64 {
        let began = self.call_began.get();
        let now = if began == 0 { 0 } else { crate::engine::clock::mono_ns().saturating_sub(began) };
        self.spent.get().wall_total.saturating_add(now)
    }
}

/// How many levels there may be below a box of this parent, whatever is asked for.
fn most_below(parent: Option<&Core>) -> u32 {
    parent.map_or(MAX_DEPTH, Core::depth_left).saturating_sub(1)
}
