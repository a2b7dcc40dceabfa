//! The Lua threads that calls into one box run on: each call has its own for as long as it lasts, since a call that waits may end
//! after one that began later.

use std::cell::RefCell;

use crate::lua::State;

/// Lua threads of a box, by number from 1.
#[derive(Default)]
pub struct Threads(RefCell<Vec<Place>>);

#[derive(Clone, Copy, Default)]
struct Place {
    busy: bool,
    /// Whether a Lua thread lies ready under this number.
    made: bool,
    /// That thread, once a call has left on its stack what calls begin with: see [`super::short`].
    ready: Option<State>,
}

impl Threads {
    /// The lowest number that no call has; `None` where there is no memory to note it.
    pub fn take(&self) -> Option<usize> {
        let mut places = self.0.try_borrow_mut().ok()?;
        let free = places.iter().position(|place| !place.busy);
        let index = match free {
            Some(index) => index,
            None => {
                places.try_reserve(1).ok()?;
                places.push(Place::default());
                places.len() - 1
            }
        };
        places.get_mut(index)?.busy = true;
        Some(index + 1)
    }

    /// Forgets all, and notes of each number whether a thread lies ready. No call has any. What lies on their stacks is looked at anew.
    fn fill(&self, made: impl ExactSizeIterator<Item = bool>) -> Option<()> {
        let mut places = self.0.try_borrow_mut().ok()?;
        places.clear();
        places.try_reserve(made.len()).ok()?;
        places.extend(made.map(|made| Place { made, ..Place::default() }));
        Some(())
    }

    /// Forgets all, and notes that the first `made` lie ready: in a heap that was made of an image, or is empty.
    pub fn reset(&self, made: usize) {
        self.fill((0..made).map(|_| true));
    }

    /// The same, apart; `None` where there is no memory. No call is under way.
    pub fn kept(&self) -> Option<Threads> {
        let copy = Threads::default();
        copy.put(self)?;
        Some(copy)
    }

    /// Which of them lie ready.
    pub fn made(&self) -> Vec<bool> {
        self.0.try_borrow().map_or(Vec::new(), |places| places.iter().map(|place| place.made).collect())
    }

    /// Threads of which those lie ready.
    pub fn of(made: &[bool]) -> Option<Threads> {
        let threads = Threads::default();
        threads.set_ready(made)?;
        Some(threads)
    }

    /// Takes over what `other` knows.
    pub fn put(&self, other: &Threads) -> Option<()> {
        self.fill(other.0.try_borrow().ok()?.iter().map(|place| place.made))
    }

    /// Notes which lie ready; `None` where there is no memory.
    pub fn set_ready(&self, ready: &[bool]) -> Option<()> {
        self.fill(ready.iter().copied())
    }

    /// How many lie ready.
    pub fn count(&self) -> usize {
        self.0.try_borrow().map_or(0, |places| places.iter().filter(|place| place.made).count())
    }

    fn change(&self, number: usize, change: impl FnOnce(&mut Place)) {
        if let Ok(mut places) = self.0.try_borrow_mut() {
            if let Some(place) = number.checked_sub(1).and_then(|index| places.get_mut(index)) {
                change(place);
            }
        }
    }

    /// A call has ended. `whole`: its thread can serve another; else it was left in the middle of something.
    pub fn give_back(&self, number: usize, whole: bool) {
        self.change(number, |place| {
            *place = if whole { Place { busy: false, ..*place } } else { Place::default() };
        });
    }

    /// Notes that the thread of this number has been made.
    pub fn note_made(&self, number: usize) {
        self.change(number, |place| place.made = true);
    }

    /// Notes that it has on its stack what calls begin with.
    pub fn note_ready(&self, number: usize, thread: State) {
        self.change(number, |place| place.ready = Some(thread));
    }

    /// The first thread, number 1, for a call that needs it ready and free.
    pub fn take_ready(&self) -> Option<State> {
        let mut places = self.0.try_borrow_mut().ok()?;
        let place = places.first_mut().filter(|place| !place.busy)?;
        let thread = place.ready?;
        place.busy = true;
        Some(thread)
    }

    /// A call on the first thread has ended well.
    pub fn give_back_ready(&self) {
        if let Ok(mut places) = self.0.try_borrow_mut() {
            if let Some(place) = places.first_mut() {
                place.busy = false;
            }
        }
    }

    pub fn is_made(&self, number: usize) -> bool {
        let places = self.0.try_borrow();
        places.is_ok_and(|p| number.checked_sub(1).and_then(|index| p.get(index)).is_some_and(|p| p.made))
    }
}

#[cfg(test)]
mod tests {
    use super::Threads;

    #[test]
    fn calls_that_end_out_of_order_never_share_a_thread() {
        let threads = Threads::default();
        let (first, second) = (threads.take(), threads.take());
        assert_eq!((first, second), (Some(1), Some(2)));
        threads.note_made(1);
        threads.note_made(2);
        threads.give_back(1, true);
        assert_eq!(threads.take(), Some(1));
        assert!(threads.is_made(1));
        assert_eq!(threads.take(), Some(3));
        assert!(!threads.is_made(3));
    }

    #[test]
    fn a_thread_that_was_left_is_made_anew() {
        let threads = Threads::default();
        assert_eq!(threads.take(), Some(1));
        threads.note_made(1);
        threads.give_back(1, false);
        assert_eq!(threads.take(), Some(1));
        assert!(!threads.is_made(1));
        threads.give_back(0, true);
        assert!(!threads.is_made(0));
    }
}
