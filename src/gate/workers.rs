//! Stacks between two calls: one that a call has ended on keeps its coroutine and its [`Run`], and waits for the next call into whichever box of
//! the realm. It holds nothing of the box's heap meanwhile.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::core::Core;
use super::exchange::Exchange;
use super::realm::Realm;
use super::request::{Entry, Id};
use super::run::{self, Run};
use crate::engine::spare::room_for;
use crate::engine::stack::BoxStack;
use crate::engine::switch::Task;

/// Most that wait in one realm: calls into boxes nest seldom.
const MOST: usize = 4;

/// A stack and its run. Boxed, since the stack knows the run's address.
pub struct Worker {
    pub task: Task,
    pub run: Box<Run>,
}

/// Stacks that wait.
#[derive(Default)]
pub struct Workers {
    /// One for calls on the short road.
    short: Cell<Option<Box<Worker>>>,
    all: RefCell<Vec<(Task, Box<Run>)>>,
}

impl Workers {
    /// A stack and its run, ready to go; `None` where there is no memory.
    pub fn take(
        &self,
        core: &Rc<Core>,
        realm: &Realm,
        entry: Entry,
        exchange: *mut Exchange,
        thread: usize,
    ) -> Option<(Task, Box<Run>)> {
        let waiting = self.all.try_borrow_mut().ok().and_then(|mut all| all.pop());
        let waiting = waiting.or_else(|| {
            self.short.take().map(|worker| {
                let Worker { task, run } = *worker;
                (task, run)
            })
        });
        if let Some((task, mut run)) = waiting {
            task.seat().renew();
            run.renew(core, realm, entry, exchange, thread);
            return Some((task, run));
        }
        let stack = BoxStack::take()?;
        if !room_for::<Run>() {
            return None;
        }
        let run = Box::new(Run::new(Rc::clone(core), realm, entry, exchange, thread));
        let task = run::prepare(stack, &run);
        Some((task, run))
    }

    /// A stack that waits, for a call on the short road into the box `id`; `None` where there is none. The box may have been closed.
    #[inline(always)]
    pub fn take_short(&self, realm: &Realm, id: Id) -> Option<Box<Worker>> {
        match self.short.take() {
            // All is as the last call has left it.
            Some(worker) if worker.run.core.id == id => Some(worker),
            waiting => self.renew_short(realm, id, waiting),
        }
    }

    #[inline(never)]
    fn renew_short(&self, realm: &Realm, id: Id, waiting: Option<Box<Worker>>) -> Option<Box<Worker>> {
        let Some(core) = realm.find(id) else {
            self.short.set(waiting);
            return None;
        };
        let mut worker = match waiting {
            Some(worker) => worker,
            None => self.box_one()?,
        };
        worker.run.renew(&core, realm, Entry::Short, std::ptr::null_mut(), 1);
        Some(worker)
    }

    #[cold]
    fn box_one(&self) -> Option<Box<Worker>> {
        if !room_for::<Worker>() {
            return None;
        }
        let (task, run) = self.all.try_borrow_mut().ok()?.pop()?;
        Some(Box::new(Worker { task, run }))
    }

    /// A call has come to its end on the short road, with scalars.
    #[inline(always)]
    pub fn give_back_short(&self, mut worker: Box<Worker>) {
        // What it has asked may have been answered by more.
        worker.run.desk.get_mut().lower(0);
        worker.run.by_scalars.set(false);
        self.put_short(worker);
    }

    /// Puts back what [`Workers::take_short`] has given.
    pub fn put_short(&self, worker: Box<Worker>) {
        if let Some(other) = self.short.replace(Some(worker)) {
            self.give_back(other.task, other.run);
        }
    }

    /// A call has come to its end on this stack.
    pub fn give_back(&self, task: Task, mut run: Box<Run>) {
        run.desk.get_mut().lower(0);
        if let Ok(mut all) = self.all.try_borrow_mut() {
            if all.len() < MOST && all.try_reserve(1).is_ok() {
                all.push((task, run));
                return;
            }
        }
        task.retire();
    }

    /// The realm ends.
    pub fn dismiss(&self) {
        let all = self.all.try_borrow_mut().map(|mut all| std::mem::take(&mut *all)).unwrap_or_default();
        for (task, _run) in all {
            task.retire();
        }
        if let Some(worker) = self.short.take() {
            worker.task.retire();
        }
    }
}
