//! Allowances of a box: the limits in force, what has been spent of each, and charging it to the whole chain.

use super::core::{Core, Kind, Status};
use super::limits::{nanoseconds, slot_size, whole, Asked, Limit, Per, MAX_DEPTH, TABLE};
use crate::engine::clock::NEVER;

/// Limits in force.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// In the order of the table.
    values: [f64; TABLE.len()],
    /// Those of time, ns; [`NEVER`] for none.
    cpu_ns: u64,
    wall_ns: u64,
    pub per: Per,
}

/// What of the allowances has been spent, and what in all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// CPU time of the allowance under way, ns.
    pub cpu: u64,
    /// Instructions of the allowance under way.
    pub instructions: u64,
    /// Bytes written in the allowance under way.
    pub output: u64,
    pub cpu_total: u64,
    /// Those that were counted: while a limit on them was in force.
    pub instructions_total: u64,
    pub output_total: u64,
    /// Real time of all calls, ns.
    pub wall_total: u64,
}

impl Limits {
    pub fn of(asked: &Asked) -> Limits {
        let values = std::array::from_fn(|i| {
            let default = TABLE.get(i).map_or(f64::INFINITY, |d| d.default);
            asked.values.get(i).copied().flatten().unwrap_or(default)
        });
        let mut limits = Limits { values, cpu_ns: 0, wall_ns: 0, per: asked.per.unwrap_or_default() };
        limits.convert();
        limits
    }

    /// The same, as if they were asked for.
    pub fn asked(&self) -> Asked {
        Asked { values: self.values.map(Some), per: Some(self.per) }
    }

    pub fn get(&self, limit: Limit) -> f64 {
        self.values.get(limit as usize).copied().unwrap_or(f64::INFINITY)
    }

    pub fn set(&mut self, limit: Limit, value: f64) {
        if let Some(place) = self.values.get_mut(limit as usize) {
            *place = value;
        }
        self.convert();
    }

    fn convert(&mut self) {
        // A float-to-integer cast saturates.
        self.cpu_ns = nanoseconds(self.get(Limit::Cpu));
        self.wall_ns = nanoseconds(self.get(Limit::Wall));
    }

    /// The limit of real time, ns; [`NEVER`] for none.
    pub fn wall_ns(&self) -> u64 {
        self.wall_ns
    }
}

impl Spent {
    /// A fresh allowance of that kind; those of the others are kept elsewhere, or are none.
    fn renew(&mut self, limit: Limit) {
        match limit {
            Limit::Cpu => self.cpu = 0,
            Limit::Instructions => self.instructions = 0,
            Limit::Output => self.output = 0,
            Limit::Memory | Limit::Wall | Limit::Depth | Limit::Files => {}
        }
    }
}

impl Core {
    /// CPU time that is left of the allowance, ns.
    pub fn cpu_left(&self) -> u64 {
        let mut limit = self.limits.get().cpu_ns;
        if self.tape.is_replaying() {
            // It was the recording that was to keep to it; a replay that has gone astray must end, too.
            limit = limit.saturating_mul(4).saturating_add(2_000_000_000);
        }
        if limit == NEVER {
            return NEVER;
        }
        limit.saturating_sub(self.spent.get().cpu)
    }

    /// Charges CPU time to a box that has none above it.
    pub fn charge_cpu_alone(&self, ns: u64) {
        let mut spent = self.spent.get();
        spent.cpu = spent.cpu.saturating_add(ns);
        spent.cpu_total = spent.cpu_total.saturating_add(ns);
        self.spent.set(spent);
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

    /// Instructions that are left of the allowance; `None` where they are not limited.
    pub fn instructions_left(&self) -> Option<u64> {
        let limit = self.limits.get().get(Limit::Instructions);
        // A float-to-integer cast saturates.
        limit.is_finite().then(|| (limit as u64).saturating_sub(self.spent.get().instructions))
    }

    /// Charges instructions to this box and all above it.
    pub fn charge_instructions(&self, n: u64) {
        for core in self.chain() {
            let mut spent = core.spent.get();
            spent.instructions = spent.instructions.saturating_add(n);
            spent.instructions_total = spent.instructions_total.saturating_add(n);
            core.spent.set(spent);
        }
    }

    /// Takes `n` bytes of output from this box and all above it: how many may be written, and whose limit is in the way.
    pub fn charge_output(&self, n: usize) -> (usize, Option<&Core>) {
        let mut allowed = n as u64;
        let mut victim = None;
        for core in self.chain() {
            let limit = core.limits.get().get(Limit::Output);
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

    /// The same, all or nothing: false, and nothing is charged, where a limit is in the way.
    pub fn charge_output_whole(&self, n: usize) -> bool {
        let fits = self.chain().all(|core| {
            let limit = core.limits.get().get(Limit::Output);
            limit.is_infinite() || (limit as u64).saturating_sub(core.spent.get().output) >= n as u64
        });
        if fits {
            self.charge_output(n);
        }
        fits
    }

    /// How many levels of boxes there may be below this one, by its own limit and those of all above it.
    pub fn depth_left(&self) -> u32 {
        let left =
            |(above, core): (u32, &Core)| (core.limits.get().get(Limit::Depth) as u32).saturating_sub(above);
        (0..).zip(self.chain()).map(left).min().unwrap_or(0)
    }

    /// Applies limits that were asked for, each with a fresh allowance. The error names the option.
    pub fn set_limits(&self, asked: &Asked) -> Result<(), String> {
        if let Some(memory) = asked.get(Limit::Memory) {
            if let Some(heap) = self.heap.borrow_mut().as_mut() {
                // A box that was made with a small limit can't be moved to where there is more address space.
                if !heap.grow(slot_size(memory)) && memory > heap.capacity() as f64 && memory.is_finite() {
                    return Err(format!("option 'memory': at most {} bytes for this box", heap.capacity()));
                }
            }
            self.budget.set_limit(whole(memory));
        }
        let mut limits = self.limits.get();
        let mut spent = self.spent.get();
        for definition in &TABLE {
            let limit = definition.limit;
            let Some(value) = asked.get(limit) else { continue };
            limits.set(
                limit,
                if limit == Limit::Depth { shallow(value, self.parent.as_deref()) } else { value },
            );
            spent.renew(limit);
            if limit == Limit::Wall && self.running.get() > 0 {
                self.wall.grant(limits.wall_ns());
            }
            if self.status.get() == Status::Exhausted(Kind::Limit(limit)) {
                self.status.set(Status::Ready);
            }
        }
        if let Some(per) = asked.per {
            limits.per = per;
        }
        self.limits.set(limits);
        self.spent.set(spent);
        Ok(())
    }

    /// Begins a call from the owner: fresh allowances where they last for a call. `alone`: no other is under way, but for those that
    /// wait. The monotonic clock shows `now`.
    pub fn begin_call(&self, alone: bool, now: u64) {
        if !alone {
            return;
        }
        let limits = self.limits.get();
        if limits.per == Per::Call {
            let mut spent = self.spent.get();
            for definition in &TABLE {
                spent.renew(definition.limit);
            }
            self.spent.set(spent);
            if matches!(self.status.get(), Status::Exhausted(_)) {
                self.status.set(Status::Ready);
            }
        }
        let replaying = self.tape.is_replaying();
        self.wall.begin(if replaying { NEVER } else { limits.wall_ns() }, now);
    }

    /// Ends the outermost call, when the monotonic clock shows `now`.
    pub fn end_call(&self, now: u64) {
        let mut spent = self.spent.get();
        spent.wall_total = spent.wall_total.saturating_add(self.wall.end(now));
        self.spent.set(spent);
    }

    /// Ends the one call under way in a box of the host's own, which has used so much CPU time, when the monotonic clock shows `now`.
    pub fn end_alone(&self, used: u64, now: u64) {
        let mut spent = self.spent.get();
        spent.cpu = spent.cpu.saturating_add(used);
        spent.cpu_total = spent.cpu_total.saturating_add(used);
        spent.wall_total = spent.wall_total.saturating_add(self.wall.end(now));
        self.spent.set(spent);
        self.running.set(0);
    }

    /// Real time of all calls so far, ns.
    pub fn wall_used(&self) -> u64 {
        self.spent.get().wall_total.saturating_add(self.wall.used())
    }
}

/// The `depth` that a box of this parent gets where so much is asked for: never more than is left of all levels.
pub fn shallow(asked: f64, parent: Option<&Core>) -> f64 {
    asked.min(f64::from(parent.map_or(MAX_DEPTH, Core::depth_left).saturating_sub(1)))
}
