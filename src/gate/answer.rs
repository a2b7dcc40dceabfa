//! What the driver answers by itself, in plain Rust: everything that needs no Lua of a level above.

use std::rc::Rc;

use super::core::{Core, Status};
use super::driver::for_owner;
use super::encode::Side;
use super::exchange::{Exchange, NoMemory};
use super::grants::Grants;
use super::journal::event::{Event, Parcel};
use super::limits::{Definition, Limit, TABLE};
use super::parcel::{Field, Item, Reader, Writer, HEADER};
use super::realm::Realm;
use super::request::{Bound, Entry, Id, Reply, Request, Stream, StreamOp};
use super::serve::What;
use super::{copies, files, making, opened, options};
use crate::engine::clock::{self, NEVER};
use crate::engine::seat::Seat;
use crate::engine::switch::standing;
use crate::host::driver_io::{self, Stopped};

/// What comes of a request.
pub enum Answer {
    Reply(Reply),
    /// A box below is to run.
    Start(Rc<Core>, Entry),
    /// The level above is to serve it.
    Owner(What),
    /// The box, or one above it, has run out of something.
    Stop,
    /// Time was up before the host's file was done.
    Interrupted,
}

/// The exchange behind the pointer that a level has sent.
pub fn exchange_of<'a>(exchange: *mut Exchange) -> Option<&'a mut Exchange> {
    // SAFETY: it is lent to the call that waits for this answer; nothing else refers to it meanwhile.
    #[allow(unsafe_code)]
    unsafe {
        exchange.as_mut()
    }
}

/// Makes the box pay for what lies in the exchange of a call from the host; else nobody does.
pub fn charge_exchange(exchange: *mut Exchange, core: &Core) -> bool {
    exchange_of(exchange).is_none_or(|e| {
        let paid = e.pay_by(Some(Rc::clone(&core.budget))).is_ok();
        // What is to be said about it must not be charged to the box that has nothing left.
        paid || e.pay_by(None).is_err()
    })
}

/// An answer of values.
pub fn values(exchange: *mut Exchange, f: impl FnOnce(&mut Writer<'_>) -> Result<(), NoMemory>) -> Reply {
    let Some(e) = exchange_of(exchange) else { return Reply::Values };
    match Writer::new(&mut e.back).and_then(|mut w| f(&mut w)) {
        Ok(()) => Reply::Values,
        Err(NoMemory) => Reply::NoMemory,
    }
}

/// An answer that is raised.
pub fn error(exchange: *mut Exchange, text: &str) -> Reply {
    said(exchange, text, Reply::Error)
}

pub fn misuse(exchange: *mut Exchange, arg: u8, text: &str) -> Reply {
    said(exchange, text, Reply::Misuse(arg))
}

fn said(exchange: *mut Exchange, text: &str, reply: Reply) -> Reply {
    if text == crate::lua::compat::NO_MEMORY {
        return Reply::NoMemory;
    }
    let Some(e) = exchange_of(exchange) else { return Reply::NoMemory };
    // A box that has used up its memory must still be told why it was stopped.
    let _ = e.pay_by(None);
    match values(exchange, |w| w.string(text.as_bytes())) {
        Reply::Values => reply,
        other => other,
    }
}

/// Writes the realm's scalars where the exchange has what is sent; false where there is no memory.
pub fn send_scalars(realm: &Realm, exchange: *mut Exchange) -> bool {
    exchange_of(exchange)
        .is_some_and(|e| Writer::new(&mut e.out).and_then(|mut w| realm.scalars.write(&mut w)).is_ok())
}

pub fn sent(exchange: *mut Exchange) -> Reader<'static> {
    match exchange_of(exchange) {
        Some(e) => Reader::new(e.buffer(Side::Out).as_slice()),
        None => Reader::new(&[]),
    }
}

/// From where something is asked.
#[derive(Clone, Copy)]
pub struct Place {
    /// Of a box: where its code is suspended.
    pub seat: Option<&'static Seat>,
    /// How long the host's files may keep it waiting for a box below: on the monotonic clock, ns.
    pub deadline: u64,
}

impl Place {
    pub const HOST: Place = Place { seat: None, deadline: NEVER };

    /// The line that asks, for a message; empty where that is unknown.
    pub fn position(self) -> String {
        self.seat.map(|seat| standing(seat).prefix()).unwrap_or_default()
    }
}

/// Answers one request of `asker` (`None`: the host).
pub fn answer(
    realm: &Realm,
    asker: Option<&Rc<Core>>,
    request: Request,
    exchange: *mut Exchange,
    place: Place,
) -> Answer {
    let find = |id: Id| realm.known(asker.map(|asker| &**asker), id);
    let closed = || Answer::Reply(error(exchange, "sandbox is closed"));
    let reply = match request {
        Request::New => {
            let mut wanted = Vec::new();
            let read = options::read(sent(exchange), Some(&mut wanted));
            let granted = read.and_then(|asked| Ok((asked, Grants::grant(&wanted, asker)?)));
            match granted {
                Err(text) => misuse(exchange, 1, &text),
                Ok((asked, grants)) => match making::make(realm, asker, &asked, grants) {
                    Ok((core, Some(entry))) => return Answer::Start(core, entry),
                    Ok((core, None)) => values(exchange, |w| w.float(core.id.0 as f64)),
                    Err(text) => said(exchange, &text, Reply::Misuse(0)),
                },
            }
        }
        Request::Run { id, entry } => match find(id) {
            Some(core) => return Answer::Start(core, entry),
            None => return closed(),
        },
        Request::Close { id } => {
            if let Some(core) = find(id) {
                realm.close(core.id);
            }
            Reply::Values
        }
        Request::Restore if asker.is_none() => copies::restore(realm, exchange),
        Request::Restore => return closed(),
        Request::Checkpoint { id }
        | Request::Rollback { id }
        | Request::Clone { id }
        | Request::Save { id } => match find(id) {
            Some(core) => copies::answer(realm, asker, &core, request, exchange),
            None => return closed(),
        },
        Request::Status { id } => return Answer::Reply(status(find(id), exchange)),
        Request::Usage { id } => match find(id) {
            Some(core) => usage(realm, &core, exchange),
            None => return closed(),
        },
        Request::Limits { id } => match find(id) {
            Some(core) => limits(&core, exchange),
            None => return closed(),
        },
        Request::Traceback { id } => match find(id) {
            Some(core) => values(exchange, |w| match &*core.traceback.borrow() {
                Some(text) => w.string(text),
                None => w.nil(),
            }),
            None => return closed(),
        },
        Request::Bind { id, stream, bound } => match find(id) {
            Some(core) => {
                core.bind(stream, bound);
                Reply::Values
            }
            None => return closed(),
        },
        Request::Environment { id, set } => match find(id) {
            Some(core) => {
                core.environment.set(set);
                Reply::Values
            }
            None => return closed(),
        },
        Request::ReadFile { id } => match (asker, find(id)) {
            (_, None) => return closed(),
            (None, Some(core)) => files::read_source(sent(exchange), exchange, core.budget.headroom()),
            (Some(asker), Some(core)) => {
                files::read_granted(asker, sent(exchange), exchange, core.budget.headroom())
            }
        },
        Request::Source | Request::Readable | Request::OpenFile { .. } | Request::File { .. } => {
            match asker {
                Some(core) => return opened::answer(core, request, exchange, place),
                None => Reply::NoMemory,
            }
        }
        Request::Clock => {
            values(exchange, |w| w.float(asker.map_or(0.0, |core| core.spent.get().cpu_total as f64 / 1e9)))
        }
        Request::Time => values(exchange, |w| w.integer(clock::epoch_seconds())),
        Request::Getenv => match asker {
            Some(core) if core.environment.get() => return Answer::Owner(What::Getenv),
            _ => values(exchange, |w| w.nil()),
        },
        Request::Stream { stream, op } => match asker {
            Some(core) => return stream_request(core, (stream, op), request, exchange, place),
            None => Reply::NoMemory,
        },
        Request::Given { number, op } => match asker {
            Some(core) => return given_request(core, number, op, request, exchange, place),
            None => Reply::NoMemory,
        },
        Request::Call { .. } | Request::Module => match for_owner(request) {
            Some(what) => return Answer::Owner(what),
            None => Reply::NoMemory,
        },
    };
    Answer::Reply(reply)
}

fn status(core: Option<Rc<Core>>, exchange: *mut Exchange) -> Reply {
    let status = core.as_ref().map_or(Status::Closed, |core| core.status.get());
    values(exchange, |w| match status {
        Status::Ready if core.is_some_and(|core| core.running.get() > 0) => w.string(b"running"),
        Status::Ready => w.string(b"ready"),
        Status::Closed => w.string(b"closed"),
        Status::Exhausted(kind) => {
            w.string(b"exhausted")?;
            w.string(kind.name().as_bytes())
        }
        Status::Killed(kind) => {
            w.string(b"killed")?;
            w.string(kind.name().as_bytes())
        }
    })
}

fn usage(realm: &Realm, core: &Core, exchange: *mut Exchange) -> Reply {
    let spent = core.spent.get();
    let exit = core.exit.get();
    values(exchange, |w| {
        w.record(&[
            ("memory", Field::Integer(core.budget.used() as i64)),
            ("memory_peak", Field::Integer(core.budget.peak() as i64)),
            ("cpu", Field::Float(spent.cpu_total as f64 / 1e9)),
            ("wall", Field::Float(core.wall_used() as f64 / 1e9)),
            ("instructions", Field::Integer(spent.instructions_total as i64)),
            ("output", Field::Integer(spent.output_total as i64)),
            ("boxes", Field::Integer(realm.count_below(core) as i64)),
            ("exit", exit.map_or(Field::Absent, Field::Integer)),
        ])
    })
}

fn limits(core: &Core, exchange: *mut Exchange) -> Reply {
    let set = options::read(sent(exchange), None).and_then(|asked| core.set_limits(&asked));
    if let Err(text) = set {
        return misuse(exchange, 2, &text);
    }
    if core.tape.is_recording() {
        let capacity = core.heap.try_borrow().ok().and_then(|heap| heap.as_ref().map(|heap| heap.capacity()));
        let parcel = exchange_of(exchange).map_or(Parcel::Nothing, |e| Parcel::of(e.out.as_slice()));
        core.tape.note(&Event::Limits { parcel, capacity: capacity.unwrap_or(0) as u64 });
    }
    let limits = core.limits.get();
    let field = |definition: &'static Definition| {
        let value = limits.get(definition.limit);
        let whole = definition.is_whole() && value < 9e15;
        (definition.name, if whole { Field::Integer(value as i64) } else { Field::Float(value) })
    };
    let [memory, cpu, wall, instructions, output, depth, files] = TABLE.each_ref().map(field);
    let per = ("per", Field::String(limits.per.name().as_bytes()));
    values(exchange, |w| w.record(&[memory, cpu, wall, instructions, output, depth, files, per]))
}

/// Bytes of the one string in a parcel.
pub fn payload(exchange: *mut Exchange) -> &'static [u8] {
    match sent(exchange).item() {
        Some(Item::String(s)) => s,
        _ => &[],
    }
}

/// Counts what is to be written as output; what goes past a limit is cut off. What fits is still written: whoever ran out is stopped
/// when control would come back.
pub fn limit_output(core: &Core, exchange: *mut Exchange, place: Place) {
    let (allowed, victim) = core.charge_output(payload(exchange).len());
    if let Some(victim) = victim {
        shorten(exchange, allowed);
        victim.exhaust(Limit::Output, &place.position());
    }
}

fn stream_request(
    core: &Rc<Core>,
    (stream, op): (Stream, StreamOp),
    request: Request,
    exchange: *mut Exchange,
    place: Place,
) -> Answer {
    let (bound, _) = core.binding(stream);
    if op == StreamOp::Write && stream != Stream::In {
        limit_output(core, exchange, place);
    }
    if bound == Bound::Object {
        return for_owner(request).map_or(Answer::Reply(Reply::NoMemory), Answer::Owner);
    }
    let reply = match bound {
        Bound::File(address) => driver_io::operate(address, op, payload(exchange), exchange, place.deadline),
        _ => Ok(driver_io::null(op, exchange)),
    };
    concluded(core, reply)
}

/// What comes of an operation that may have used up an allowance of output, or been cut short.
fn concluded(core: &Core, reply: Result<Reply, Stopped>) -> Answer {
    match reply {
        _ if core.doomed().is_some() => Answer::Stop,
        Ok(reply) => Answer::Reply(reply),
        Err(Stopped) => Answer::Interrupted,
    }
}

/// A box works on a stream that its owner has given it.
fn given_request(
    core: &Rc<Core>,
    number: u64,
    op: StreamOp,
    request: Request,
    exchange: *mut Exchange,
    place: Place,
) -> Answer {
    if core.parent.is_some() {
        return for_owner(request).map_or(Answer::Reply(Reply::NoMemory), Answer::Owner);
    }
    let Some(address) = core.ledger.file(number) else { return Answer::Reply(driver_io::closed(exchange)) };
    let is_output = [Stream::Out, Stream::Err].iter().any(|&s| core.binding(s).0 == Bound::File(address));
    if op == StreamOp::Write && is_output {
        limit_output(core, exchange, place);
    }
    let reply = driver_io::operate(address, op, payload(exchange), exchange, place.deadline);
    concluded(core, reply)
}

/// Cuts the one string of a parcel.
fn shorten(exchange: *mut Exchange, len: usize) {
    let Some(e) = exchange_of(exchange) else { return };
    if let Some(place) = e.out.vec().get_mut(HEADER + 1..HEADER + 9) {
        place.copy_from_slice(&(len as u64).to_le_bytes());
    }
    e.out.truncate(HEADER + 9 + len);
}
