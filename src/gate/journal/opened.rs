//! A journal that is to be replayed: its frames are checked, its box is made, its events are read one by one.

use std::collections::VecDeque;
use std::rc::Rc;

use super::event::Event;
use super::frame::{self, End, Reader, MAGIC};
use super::header::{self, Header, STREAMS};
use super::replay::stand_in;
use crate::engine::heap::{Budget, Slot};
use crate::gate::core::Core;
use crate::gate::limits::{whole, Limit};
use crate::gate::realm::Realm;
use crate::gate::request::Id;
use crate::lua::compat;

pub const DAMAGED: &str = "the journal is damaged";

/// The events of a journal, in order.
pub struct Events<'a> {
    journal: &'a [u8],
    at: usize,
    frame: Reader<'a>,
    ahead: VecDeque<Event<'a>>,
}

impl<'a> Events<'a> {
    /// The events from the frame at `at` on.
    pub fn new(journal: &'a [u8], at: usize) -> Events<'a> {
        Events { journal, at, frame: Reader(&[]), ahead: VecDeque::new() }
    }

    /// What comes next, or `n` events after that; it stays.
    pub fn peek(&mut self, n: usize) -> Result<Option<&Event<'a>>, String> {
        while self.ahead.len() <= n {
            while self.frame.is_at_end() {
                match frame::frame(self.journal, self.at) {
                    Ok((payload, next)) => (self.frame, self.at) = (Reader(payload), next),
                    Err(End::Damaged(at)) => return Err(format!("{DAMAGED} at byte {at}")),
                    Err(_) => return Ok(None),
                }
            }
            let event = Event::read(&mut self.frame);
            self.ahead.push_back(event.ok_or_else(|| format!("{DAMAGED} before byte {}", self.at))?);
        }
        Ok(self.ahead.get(n))
    }

    /// What comes next.
    pub fn next(&mut self) -> Result<Option<Event<'a>>, String> {
        self.peek(0)?;
        Ok(self.ahead.pop_front())
    }
}

/// The header of a journal, all of whose frames have been checked, and where its events begin.
pub fn open(journal: &[u8]) -> Result<(Header, usize), String> {
    let damaged = |at: usize| format!("{DAMAGED} at byte {at}");
    if !journal.starts_with(MAGIC) {
        return Err("this is no journal".to_owned());
    }
    let (first, events) = match frame::frame(journal, MAGIC.len()) {
        Ok(found) => found,
        Err(End::Damaged(at)) => return Err(damaged(at)),
        Err(_) => return Err("the journal ends in its header".to_owned()),
    };
    let mut at = events;
    loop {
        match frame::frame(journal, at) {
            Ok((_, next)) => at = next,
            Err(End::Damaged(at)) => return Err(damaged(at)),
            Err(_) => break,
        }
    }
    Ok((header::read(first)?, events))
}

/// Sheltered: makes the box of a journal, which runs nothing yet.
pub fn prepare(realm: &Realm, journal: &[u8]) -> Result<Id, String> {
    let no_memory = || compat::NO_MEMORY.to_owned();
    let (header, at) = open(journal)?;
    let Header { asked, secret, streams, state } = header;
    // Limits that are raised later may need more room, which this slot can't be given then.
    let mut size = state.size;
    let mut events = Events::new(journal, at);
    while let Some(event) = events.next()? {
        if let Event::Limits { capacity, .. } = event {
            size = size.max(capacity);
        }
    }
    let size = usize::try_from(size)
        .ok()
        .filter(|&size| size <= 1 << 40)
        .ok_or_else(|| format!("{DAMAGED} in its header"))?;
    let slot = Slot::take_again(size, state.heap.base())
        .ok_or("the place in memory that the recorded box had is taken: it has to be closed, or the replay made in another process")?;
    let budget = Budget::new(whole(asked.get(Limit::Memory).unwrap_or(f64::INFINITY)), None);
    let heap =
        state.heap_in(slot, &budget).map_err(|said| format!("the journal can't be replayed here: {said}"))?;
    let id = realm.reserve().ok_or_else(no_memory)?;
    let [a, b, c, d] = state.outside.random;
    let core = Rc::new(Core::new(id, None, &asked, budget, [secret, a, b, c, d]));
    *core.heap.borrow_mut() = Some(heap);
    let restored = state.outside.restore(&core);
    core.tape.begin_replay();
    for (stream, (number, assigned)) in STREAMS.into_iter().zip(streams) {
        core.rebind(stream, stand_in(assigned), Some(number));
    }
    realm.insert(core);
    if restored.is_none() {
        realm.close(id);
        return Err(no_memory());
    }
    Ok(id)
}
