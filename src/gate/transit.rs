//! Functions and streams on their way: exported by the sender, not yet received. Where a crossing breaks off on either side, the sender
//! is told to let go of what never arrived, as if the receiver had let go of it.

use std::rc::Rc;

use super::core::Core;
use super::exchange::{Buffer, NoMemory};
use super::journal::event::Event;
use super::ledger::Way;

/// Bytes of one entry: number and weight.
const ENTRY: usize = 16;

/// What one side of an exchange has on its way: the numbers, in the order in which they stand in the parcel.
#[derive(Default)]
pub struct Transit {
    pub numbers: Buffer,
    /// How many of them have been received.
    received: usize,
    /// The wall that they go across: its box, and who receives.
    wall: Option<(Rc<Core>, Way)>,
}

impl Transit {
    /// One more has been exported; the box pays `weight` bytes for its proxy.
    pub fn send(&mut self, core: &Rc<Core>, way: Way, number: u64, weight: usize) -> Result<(), NoMemory> {
        self.numbers.reserve(ENTRY)?;
        if !core.budget.charge_outside(weight) {
            return Err(NoMemory);
        }
        if let Err(refused) = core.ledger.expect(way) {
            core.budget.release_outside(weight);
            return Err(refused);
        }
        self.numbers.append(&number.to_le_bytes())?;
        self.numbers.append(&(weight as u64).to_le_bytes())?;
        self.wall = Some((Rc::clone(core), way));
        Ok(())
    }

    /// The next one has been received; `again` if by a proxy that was there before.
    pub fn receive(&mut self, again: bool) {
        let entry = self.numbers.as_slice().chunks_exact(ENTRY).nth(self.received).map(read);
        self.received += 1;
        if let (true, Some((core, way)), Some((_, weight))) = (again, &self.wall, entry) {
            core.ledger.unexpect(*way);
            core.budget.release_outside(weight);
            if *way == Way::Down {
                core.tape.note(&Event::Known { weight: weight as u64 });
            }
        }
    }

    /// All of them have been received, by a host that is gone.
    pub fn receive_all(&mut self) {
        self.received = self.numbers.len() / ENTRY;
    }

    /// The crossing is over: gives back what has not been received.
    pub fn end(&mut self) {
        if let Some((core, way)) = self.wall.take() {
            for (number, weight) in self.numbers.as_slice().chunks_exact(ENTRY).skip(self.received).map(read)
            {
                core.ledger.release(way, number, 1);
                core.budget.release_outside(weight);
                if way == Way::Down {
                    core.tape.note(&Event::Gone { number, count: 1, weight: weight as u64 });
                }
            }
        }
        self.numbers.clear();
        self.received = 0;
    }
}

fn read(entry: &[u8]) -> (u64, usize) {
    let word =
        |at: usize| entry.get(at..at + 8).and_then(|word| word.try_into().ok()).map_or(0, u64::from_le_bytes);
    (word(0), word(8) as usize)
}

impl Drop for Transit {
    fn drop(&mut self) {
        self.end();
    }
}
