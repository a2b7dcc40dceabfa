//! The files that a box has open. They lie outside its heap, which knows them by number, so that they end with the box however it ends.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use super::answer::{limit_output, payload, sent, values, Answer, Place};
use super::core::Core;
use super::exchange::{Exchange, NoMemory};
use super::files::{self, strerror};
use super::grants::{errno, Errno, Grants, Mode};
use super::limits::{whole, Limit};
use super::parcel::{Item, Reader, Writer};
use super::request::{FileOp, Reply, Request};

/// What a box sees of the file system, and has open of it.
#[derive(Default)]
pub struct Files {
    pub grants: RefCell<Grants>,
    /// How many are open in the box and in all boxes below it.
    open: Cell<usize>,
    table: RefCell<Table>,
}

#[derive(Default)]
struct Table {
    slots: Vec<Option<OpenFile>>,
    made: u64,
    /// The last file opened, until the box has noted its number: a stop in between leaves it without a handle.
    unclaimed: u64,
}

#[derive(Clone)]
struct OpenFile {
    number: u64,
    file: Rc<File>,
    write: bool,
}

/// Low bits of a file's number: where it lies.
const INDEX_BITS: u32 = 24;

fn index(number: u64) -> usize {
    (number & ((1 << INDEX_BITS) - 1)) as usize
}

impl Table {
    fn insert(&mut self, file: File, write: bool) -> Option<u64> {
        let at = match self.slots.iter().position(Option::is_none) {
            Some(at) => at,
            None => {
                self.slots.try_reserve(1).ok()?;
                self.slots.push(None);
                self.slots.len() - 1
            }
        };
        self.made += 1;
        let number = (self.made << INDEX_BITS) | at as u64;
        *self.slots.get_mut(at)? = Some(OpenFile { number, file: Rc::new(file), write });
        self.unclaimed = number;
        Some(number)
    }

    fn get(&mut self, number: u64) -> Option<&mut OpenFile> {
        self.slots.get_mut(index(number))?.as_mut().filter(|open| open.number == number)
    }

    fn take(&mut self, number: u64) -> Option<OpenFile> {
        self.get(number)?;
        self.slots.get_mut(index(number))?.take()
    }
}

/// The open files of a box as a snapshot keeps them: they stay open meanwhile.
#[derive(Default)]
pub struct Kept {
    /// Each with the place where the next bytes are written.
    slots: Vec<Option<(OpenFile, u64)>>,
    made: u64,
}

impl Files {
    /// The files that are open now; `None` where there is no memory.
    pub fn kept(&self) -> Option<Kept> {
        let table = self.table.try_borrow().ok()?;
        let mut slots = Vec::new();
        slots.try_reserve_exact(table.slots.len()).ok()?;
        for open in &table.slots {
            // One that nobody has a handle of is nobody's.
            let open = open.as_ref().filter(|open| open.number != table.unclaimed);
            slots.push(open.map(|open| (open.clone(), (&*open.file).stream_position().unwrap_or(0))));
        }
        Some(Kept { slots, made: table.made })
    }

    fn put(&self, kept: &Kept) -> Option<()> {
        let mut table = self.table.try_borrow_mut().ok()?;
        table.slots.clear();
        table.slots.try_reserve(kept.slots.len()).ok()?;
        table.slots.extend(kept.slots.iter().map(|slot| slot.as_ref().map(|(open, _)| open.clone())));
        table.made = table.made.max(kept.made);
        table.unclaimed = 0;
        Some(())
    }

    /// Makes the files of a box those that a snapshot has kept: they stand where they stood. What is in them is as it is now.
    pub fn restore(&self, core: &Core, kept: &Kept) {
        let now = self.table.try_borrow().map_or(0, |table| table.slots.iter().flatten().count());
        uncount(core, now);
        for (open, position) in kept.slots.iter().flatten() {
            // A pipe has no position.
            let _ = (&*open.file).seek(SeekFrom::Start(*position));
        }
        if self.put(kept).is_some() {
            recount(core, kept.slots.iter().flatten().count());
        }
    }

    /// Gives a new box the files of another, as a fork does; where a limit is in the way, the message that says so.
    pub fn take_over(&self, core: &Core, kept: &Kept) -> Result<(), String> {
        let more = kept.slots.iter().flatten().count();
        let full =
            |c: &&Core| c.files.open.get().saturating_add(more) > whole(c.limits.get().get(Limit::Files));
        if let Some(full) = core.chain().filter(full).last() {
            return Err(Limit::Files.message(full.limits.get().get(Limit::Files)));
        }
        self.put(kept).ok_or_else(|| crate::lua::compat::NO_MEMORY.to_owned())?;
        recount(core, more);
        Ok(())
    }

    /// The box has noted the number of the file that was opened last.
    pub fn claim(&self) {
        if let Ok(mut table) = self.table.try_borrow_mut() {
            table.unclaimed = 0;
        }
    }
}

/// Counts one more open file in `core` and all above it; else says whose limit is in the way.
fn count(core: &Core) -> Result<(), String> {
    let full = |c: &&Core| c.files.open.get() >= whole(c.limits.get().get(Limit::Files));
    // The outermost of several is named.
    if let Some(full) = core.chain().filter(full).last() {
        return Err(Limit::Files.message(full.limits.get().get(Limit::Files)));
    }
    for c in core.chain() {
        c.files.open.set(c.files.open.get() + 1);
    }
    Ok(())
}

fn recount(core: &Core, n: usize) {
    for c in core.chain() {
        c.files.open.set(c.files.open.get() + n);
    }
}

fn uncount(core: &Core, n: usize) {
    for c in core.chain() {
        c.files.open.set(c.files.open.get().saturating_sub(n));
    }
}

/// Something that counts as one open file of a box for as long as it is there.
pub struct Counted(Rc<Core>);

impl Counted {
    pub fn new(core: &Rc<Core>) -> Result<Counted, String> {
        count(core).map(|()| Counted(Rc::clone(core)))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        uncount(&self.0, 1);
    }
}

/// Closes all files of a box, and takes its grants away, unless it can come back.
pub fn dispose(core: &Core) {
    let table = core.files.table.try_borrow_mut().map(|mut table| std::mem::take(&mut *table));
    uncount(core, table.map_or(0, |table| table.slots.iter().flatten().count()));
    if core.copies.keeps_slot() {
        return;
    }
    if let Ok(mut grants) = core.files.grants.try_borrow_mut() {
        *grants = Grants::default();
    }
}

/// Answers what a box asks of the files granted to it.
pub fn answer(core: &Core, request: Request, exchange: *mut Exchange, place: Place) -> Answer {
    Answer::Reply(match request {
        Request::OpenFile { mode } => open(core, named(sent(exchange)), mode, exchange),
        Request::File { number, op } => return operate(core, number, op, exchange, place),
        Request::Source => files::read_granted(core, sent(exchange), exchange, usize::MAX),
        Request::Readable => {
            let readable = core.files.grants.borrow().readable(named(sent(exchange)));
            values(exchange, |w| w.boolean(readable))
        }
        _ => Reply::NoMemory,
    })
}

/// The name in a parcel.
fn named(mut sent: Reader<'static>) -> &'static [u8] {
    match sent.item() {
        Some(Item::String(name)) => name,
        _ => &[],
    }
}

/// Opens a file: its number; or nil, why not, and the number of that.
fn open(core: &Core, name: &[u8], mode: Mode, exchange: *mut Exchange) -> Reply {
    let lost = core.files.table.borrow().unclaimed;
    close(core, lost);
    values(exchange, |w| match enter(core, name, mode) {
        Ok(number) => w.integer(number as i64),
        Err((said, number)) => failed(w, &said, number),
    })
}

fn enter(core: &Core, name: &[u8], mode: Mode) -> Result<u64, (String, Errno)> {
    count(core).map_err(|said| (said, libc::EMFILE))?;
    let opened = core.files.grants.borrow().open(name, mode).and_then(|mut file| {
        if mode.append && !mode.read {
            // As `fopen` does, so that the position tells the length.
            file.seek(SeekFrom::End(0)).map_err(|e| errno(&e))?;
        }
        core.files.table.borrow_mut().insert(file, mode.write).ok_or(libc::ENOMEM)
    });
    opened.map_err(|e| {
        uncount(core, 1);
        (strerror(e), e)
    })
}

fn close(core: &Core, number: u64) {
    if core.files.table.borrow_mut().take(number).is_some() {
        uncount(core, 1);
    }
}

/// nil, message, number.
fn failed(w: &mut Writer<'_>, said: &str, number: Errno) -> Result<(), NoMemory> {
    w.nil()?;
    w.string(said.as_bytes())?;
    w.integer(i64::from(number))
}

fn refused(w: &mut Writer<'_>, number: Errno) -> Result<(), NoMemory> {
    failed(w, &strerror(number), number)
}

/// Does `op` on an open file of the box.
fn operate(core: &Core, number: u64, op: FileOp, exchange: *mut Exchange, place: Place) -> Answer {
    if op == FileOp::Close {
        close(core, number);
        return Answer::Reply(values(exchange, |w| w.boolean(true)));
    }
    let mut table = core.files.table.borrow_mut();
    let Some(open) = table.get(number) else {
        return Answer::Reply(values(exchange, |w| refused(w, libc::EBADF)));
    };
    let reply = match op {
        FileOp::Read { at, most } => read(&open.file, at, most, exchange),
        FileOp::Tell => told((&*open.file).stream_position(), exchange),
        FileOp::Length => told(open.file.metadata().map(|found| found.len()), exchange),
        FileOp::Write { charge, at } => {
            if let Err(e) = at.map_or(Ok(0), |at| (&*open.file).seek(SeekFrom::Start(at))) {
                return Answer::Reply(values(exchange, |w| refused(w, errno(&e))));
            }
            if !open.write {
                return Answer::Reply(values(exchange, |w| refused(w, libc::EBADF)));
            }
            if charge {
                limit_output(core, exchange, place);
            }
            let done = (&*open.file).write_all(payload(exchange));
            if core.doomed().is_some() {
                return Answer::Stop;
            }
            values(exchange, |w| match done {
                Ok(()) => w.boolean(true),
                Err(e) => refused(w, errno(&e)),
            })
        }
        FileOp::Close => Reply::Values,
    };
    Answer::Reply(reply)
}

fn told(n: std::io::Result<u64>, exchange: *mut Exchange) -> Reply {
    values(exchange, |w| match n {
        Ok(n) => w.integer(n as i64),
        Err(e) => refused(w, errno(&e)),
    })
}

/// A piece of the file, of at most `most` bytes; an empty one at the end.
fn read(file: &File, at: u64, most: usize, exchange: *mut Exchange) -> Reply {
    values(exchange, |w| {
        let done = w.string_with(|to, allowance| {
            let start = to.len();
            if most > allowance || to.try_reserve(most).is_err() {
                return Err(None);
            }
            to.resize(start + most, 0);
            loop {
                match file.read_at(to.get_mut(start..).unwrap_or_default(), at) {
                    Ok(n) => {
                        to.truncate(start + n);
                        return Ok(());
                    }
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    Err(e) => {
                        to.truncate(start);
                        return Err(Some(errno(&e)));
                    }
                }
            }
        })?;
        match done {
            Ok(()) => Ok(()),
            Err(Some(e)) => refused(w, e),
            Err(None) => Err(NoMemory),
        }
    })
}
