//! What is left of boxes that were closed, for the next ones: a core is too large for the C library's quick lists.

use std::cell::RefCell;
use std::rc::Rc;

use super::core::{self, Core, Status};
use super::limits::Asked;
use super::random;
use super::request::Id;
use crate::engine::heap::Budget;
use crate::engine::spare::room_for_shared;

/// Most cores that are kept in one realm: a stack that waits may still know one of them.
const MOST: usize = 4;

/// Cores that nobody needs any more.
#[derive(Default)]
pub struct Spare(RefCell<Vec<Rc<Core>>>);

impl Spare {
    /// The core of a new box; `None` where there is no memory.
    pub fn core(
        &self,
        id: Id,
        parent: Option<&Rc<Core>>,
        asked: &Asked,
        budget: Rc<Budget>,
    ) -> Option<Rc<Core>> {
        let (parent, seed) = (parent.cloned(), random::seed());
        if let Some(mut core) = self.take() {
            if let Some(place) = Rc::get_mut(&mut core) {
                place.renew(id, parent, asked, budget, seed);
                return Some(core);
            }
        }
        if !room_for_shared::<Core>() {
            return None;
        }
        Some(Rc::new(Core::new(id, parent, asked, budget, seed)))
    }

    /// One that nobody else knows.
    fn take(&self) -> Option<Rc<Core>> {
        let mut all = self.0.try_borrow_mut().ok()?;
        let index = all.iter().position(|core| Rc::strong_count(core) == 1 && Rc::weak_count(core) == 0)?;
        Some(all.swap_remove(index))
    }

    /// A box of the host's own has been closed. What it has outside is let go of now.
    pub fn keep(&self, core: Rc<Core>) {
        if core.parent.is_some() || core.status.get() != Status::Closed || !core.tape.is_off() {
            return;
        }
        core.empty();
        if let Ok(mut all) = self.0.try_borrow_mut() {
            if all.len() < MOST && all.try_reserve(MOST).is_ok() {
                all.push(core);
            }
        }
    }

    /// The realm ends.
    pub fn clear(&self) {
        core::clear(&self.0);
    }
}
