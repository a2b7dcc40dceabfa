//! What a box knows of its recording or its replay. Most boxes have neither: then each hook is a look at one byte.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use super::asked;
use super::event::{Answered, Event, Parcel, Stop, Way};
use super::state::State;
use super::under::Under;
use crate::gate::answer::exchange_of;
use crate::gate::core::{Core, Kind, Status};
use crate::gate::encode::Side;
use crate::gate::exchange::{Exchange, Sizes};
use crate::gate::limits::Limit;
use crate::gate::parcel::{Item, Reader};
use crate::gate::request::{Entry, Reply, Request};
use crate::gate::run::Run;

/// So many bytes of events are written as soon as there are as many.
const FRAME: usize = 4096;
/// As much of an error's text as is kept for a message.
const TEXT: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Mode {
    #[default]
    Off,
    Recording,
    Replaying,
}

/// The tape of one box.
#[derive(Default)]
pub struct Tape {
    mode: Cell<Mode>,
    /// Whether the host has called into the box.
    called: Cell<bool>,
    /// Whether a recording or replay needs LuaJIT's compiler off.
    plain: Cell<bool>,
    recorder: RefCell<Option<Box<Recorder>>>,
    /// How the run under way was stopped.
    way: Cell<Option<Way>>,
    /// Of a replay: whether the call that begins is the only one; and what stops the run before it goes on.
    pub(super) alone: Cell<Option<bool>>,
    pub(super) doom: Cell<Option<Limit>>,
    /// Calls that a replay has left in their middle.
    pub(super) kept: RefCell<Vec<Under>>,
    pub(super) near: RefCell<Near>,
}

/// What a run has without the driver, in a replay: see `gate::near`.
#[derive(Default)]
pub(super) struct Near {
    /// What it is to ask next, with what it is to read, and whether it is charged.
    pub next: VecDeque<(Vec<u8>, Vec<u8>, bool)>,
    /// How much of that it has had, and the last thing it has read.
    pub taken: u64,
    last: Vec<u8>,
    asked: Vec<u8>,
    /// What it has written to stdout (1) and stderr (2).
    pub written: Vec<(usize, Vec<u8>)>,
}

/// What was asked and has not been answered.
#[derive(Default)]
struct Waiting {
    thread: usize,
    asked: Vec<u8>,
    sizes: Sizes,
    output: u64,
}

/// A recording under way.
#[derive(Default)]
pub(super) struct Recorder {
    /// Events of the next frame.
    pub events: Vec<u8>,
    /// Frames that are ready to be written.
    pub ready: Vec<u8>,
    /// Whether they are being written.
    pub busy: bool,
    /// Why the recording has ended.
    pub failed: Option<Vec<u8>>,
    waiting: Vec<Waiting>,
    /// What was asked last without the driver, as bytes; if that was a line without its end, of which stream.
    near: Vec<u8>,
    near_lines: Option<u64>,
}

impl Tape {
    pub fn is_off(&self) -> bool {
        self.mode.get() == Mode::Off
    }

    pub fn is_recording(&self) -> bool {
        self.mode.get() == Mode::Recording
    }

    pub fn is_replaying(&self) -> bool {
        self.mode.get() == Mode::Replaying
    }

    /// Whether LuaJIT's compiler, which no run repeats, has to be off.
    pub fn is_plain(&self) -> bool {
        self.plain.get()
    }

    pub fn was_called(&self) -> bool {
        self.called.get()
    }

    /// Notes that the host calls into the box.
    pub fn note_call(&self) {
        self.called.set(true);
    }

    pub(super) fn begin_recording(&self) {
        self.plain.set(true);
        self.mode.set(Mode::Recording);
        *self.recorder.borrow_mut() = Some(Box::default());
    }

    pub(super) fn begin_replay(&self) {
        self.plain.set(true);
        self.called.set(true);
        self.mode.set(Mode::Replaying);
    }

    pub(super) fn end(&self) {
        self.mode.set(Mode::Off);
        self.plain.set(false);
        if let Ok(mut recorder) = self.recorder.try_borrow_mut() {
            *recorder = None;
        }
    }

    pub(super) fn with<R>(&self, f: impl FnOnce(&mut Recorder) -> R) -> Option<R> {
        self.recorder.try_borrow_mut().ok()?.as_deref_mut().map(f)
    }

    /// Writes an event down, if the box is recorded.
    pub fn note(&self, event: &Event<'_>) {
        if self.is_recording() {
            self.with(|recorder| recorder.note(event));
        }
    }

    /// Notes what a recorded run has read or written without the driver.
    pub fn note_near(&self, thread: usize, request: Request, data: &[u8], charged: bool) {
        self.with(|recorder| {
            recorder.near.clear();
            recorder.near_lines = None;
            asked::write_near(&mut recorder.near, request, data);
            let data = if asked::is_write(request) { &[] } else { data };
            recorder.note_near(thread, data, charged);
        });
    }

    /// Has a recorded run read a line without the driver, and notes that; `None` where a frame is due, which the driver writes when it is
    /// asked, or there is no line. `request` is what it would be asked.
    #[inline(always)]
    pub fn note_line<'a>(
        &self,
        thread: usize,
        request: Request,
        line: impl FnOnce() -> Option<&'a [u8]>,
    ) -> Option<&'a [u8]> {
        self.with(|recorder| {
            if recorder.events.len() >= FRAME {
                return None;
            }
            let line = line()?;
            let stream = asked::stream_of(request).map(|(stream, _)| stream);
            if stream.is_none() || recorder.near_lines != stream {
                recorder.near.clear();
                recorder.near_lines = stream;
                asked::write_near(&mut recorder.near, request, line);
            }
            recorder.note_near(thread, line, false);
            Some(line)
        })?
    }

    /// The same, of a replayed run, with what it is to read; `None` where the driver has to be asked. Whether it is to be charged. What is
    /// given stays until the next time.
    pub fn answer_near(&self, request: Request, data: &[u8]) -> Option<(*const u8, usize, bool)> {
        let mut near = self.near.try_borrow_mut().ok()?;
        let near = &mut *near;
        near.asked.clear();
        asked::write_near(&mut near.asked, request, data);
        near.next.front().filter(|(asked, ..)| *asked == near.asked)?;
        let (_, read, charged) = near.next.pop_front()?;
        near.taken += 1;
        near.last = read;
        if let Some(stream) = asked::output(request) {
            near.written.push((stream.index(), data.to_vec()));
        }
        Some((near.last.as_ptr(), near.last.len(), charged))
    }

    /// Notes how the run under way has been stopped.
    pub fn note_way(&self, way: Way) {
        self.way.set(Some(way));
    }

    /// Whether the call that begins is the only one, where a journal tells.
    pub fn alone(&self) -> Option<bool> {
        self.alone.get()
    }

    /// What a journal says has stopped the run that is to go on now.
    pub fn take_doom(&self) -> Option<Limit> {
        self.doom.take()
    }
}

impl Recorder {
    fn note(&mut self, event: &Event<'_>) {
        if self.make_room(event.room()) {
            event.write(&mut self.events);
        }
    }

    /// Writes down what was asked last without the driver.
    #[inline]
    fn note_near(&mut self, thread: usize, data: &[u8], charged: bool) {
        if self.make_room(Event::near_room(&self.near, data)) {
            Event::write_near(&mut self.events, thread, &self.near, data, charged);
        }
    }

    /// Whether an event of so many bytes can be written.
    #[inline]
    fn make_room(&mut self, bytes: usize) -> bool {
        if self.failed.is_none() && self.events.try_reserve(bytes).is_err() {
            self.failed = Some(crate::lua::compat::NO_MEMORY.into());
        }
        self.failed.is_none()
    }

    /// Makes a frame of the events at hand.
    pub fn seal(&mut self) {
        if self.events.is_empty() || self.failed.is_some() {
            return;
        }
        if !super::frame::seal(&self.events, &mut self.ready) {
            self.failed = Some(crate::lua::compat::NO_MEMORY.into());
        }
        self.events.clear();
    }

    fn take_waiting(&mut self, thread: usize) -> Option<Waiting> {
        let at = self.waiting.iter().position(|w| w.thread == thread)?;
        Some(self.waiting.swap_remove(at))
    }
}

fn sent<'a>(exchange: *mut Exchange, side: Side) -> &'a [u8] {
    exchange_of(exchange).map_or(&[], |e| e.buffer(side).as_slice())
}

/// The room that the answer's buffer has once an answer was put there in one piece; see [`Parcel::fill`].
fn predicted(before: Sizes, answer: &[u8]) -> Sizes {
    let mut after = before;
    let [_, back, ..] = &mut after;
    for wanted in [4, 8, answer.len()] {
        if wanted <= answer.len() && wanted > *back {
            *back = wanted.max(back.saturating_mul(2)).max(256);
        }
    }
    after
}

/// A call into a recorded or replayed box begins: its exchange has no room that depends on what it was used for before.
pub fn began(core: &Core, entry: Entry, exchange: *mut Exchange, thread: usize, alone: bool) {
    if let Some(e) = exchange_of(exchange) {
        // Where there is no memory to make room smaller, what is too much is a few bytes.
        let _ = e.tighten();
    }
    if core.tape.is_recording() {
        let parcel = Parcel::of(sent(exchange, Side::Out));
        core.tape.note(&Event::Call { thread, alone, entry, parcel });
    }
}

/// A recorded box asks something.
pub fn asks(core: &Core, run: &Run) {
    let exchange = run.asked.get();
    core.tape.with(|recorder| {
        let mut asked = recorder.take_waiting(run.thread).unwrap_or_default();
        asked.asked.clear();
        asked.thread = run.thread;
        asked.sizes = exchange_of(exchange).map_or(Sizes::default(), |e| e.sizes());
        asked.output = core.spent.get().output_total;
        asked::write(&mut asked.asked, run.request.get(), sent(exchange, Side::Out));
        recorder.waiting.push(asked);
    });
}

/// A recorded box gets its answer. Whether there is enough to be delivered.
pub fn answered(core: &Core, run: &Run, reply: Reply) -> bool {
    let exchange = run.asked.get();
    let answered = core.tape.with(|recorder| {
        let Some(waiting) = recorder.take_waiting(run.thread) else { return false };
        let answer = if reply == Reply::NoMemory { &[][..] } else { sent(exchange, Side::Back) };
        let (sizes, paid) = exchange_of(exchange).map_or((waiting.sizes, true), |e| (e.sizes(), e.is_paid()));
        let expected = predicted(waiting.sizes, answer);
        recorder.note(&Event::Reply(Answered {
            thread: run.thread,
            asked: &waiting.asked,
            reply,
            parcel: Parcel::of(answer),
            sizes: (sizes != expected).then_some(sizes),
            charged: core.spent.get().output_total != waiting.output,
            paid,
        }));
        // Kept for the next one.
        recorder.waiting.push(Waiting { thread: 0, ..waiting });
        recorder.waiting.truncate(64);
        recorder.events.len() >= FRAME && !recorder.busy
    });
    answered == Some(true)
}

/// How a call came out, as an event.
pub(super) fn ending<'a>(thread: usize, reply: Reply, back: &'a [u8]) -> Event<'a> {
    let text = match (reply, Reader::new(back).item()) {
        (Reply::Error, Some(Item::String(text))) => text.get(..TEXT).unwrap_or(text),
        _ => &[],
    };
    let back = if reply == Reply::NoMemory { &[] } else { back };
    Event::End { thread, reply, len: back.len() as u64, check: crc32fast::hash(back), text }
}

/// A call into a recorded box has come out.
pub fn ended(core: &Core, run: &Run, reply: Reply) {
    core.tape.note(&ending(run.thread, reply, sent(run.exchange.get(), Side::Back)));
}

/// A call into a recorded box has been stopped, and the box has been looked at.
pub fn stopped(core: &Core, run: &Run) {
    let way = core.tape.way.take();
    let kind = match core.status.get() {
        Status::Exhausted(kind) | Status::Killed(kind) => kind,
        Status::Ready | Status::Closed => return,
    };
    let by_clock = matches!(kind, Kind::Limit(Limit::Cpu | Limit::Wall));
    let way = match core.status.get() {
        Status::Killed(_) => Way::Hard,
        _ if way == Some(Way::Soft) && by_clock => Way::Soft,
        _ => Way::Again,
    };
    // The stacks of other calls under way hold what no copy of the heap does.
    let whole = way == Way::Soft && core.running.get() == 1;
    let state = if whole { State::take(core).unwrap_or_default() } else { Vec::new() };
    let message = core.stopped.try_borrow().map_or_else(|_| Vec::new(), |text| text.clone());
    let traceback = core.traceback.try_borrow().ok().and_then(|text| text.clone());
    core.tape.with(|recorder| recorder.take_waiting(run.thread));
    core.tape.note(&Event::Stop(Stop {
        thread: run.thread,
        way,
        kind,
        message: &message,
        traceback: traceback.as_deref(),
        state: &state,
    }));
}
