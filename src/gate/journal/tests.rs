//! Journals that nobody has recorded: whatever the bytes are, reading them is a value or an error.

use super::asked;
use super::crossing::Parcel;
use super::event::{Answered, Event, Stop, Way};
use super::frame::{seal, Reader, MAGIC};
use super::opened::{open, Events};
use super::state::{Outside, State};
use crate::engine::heap::{page_size, HeapCopy, HeapParts};
use crate::engine::objects::Object;
use crate::fuzzing::random::Random;
use crate::gate::core::Kind;
use crate::gate::limits::Limit;
use crate::gate::request::{Entry, Format, Reply, Request, Stream, StreamOp};

fn parcels() -> [Parcel<'static>; 5] {
    [
        Parcel::Nothing,
        Parcel::Nil,
        Parcel::True,
        Parcel::String(b"a string"),
        Parcel::Values(2, 1, &[0, 6, 7]),
    ]
}

/// One of each kind.
fn all() -> Vec<Event<'static>> {
    let mut all = Vec::new();
    for (thread, parcel) in (1..).zip(parcels()) {
        let sizes = (thread % 2 == 0).then_some([256, 512, 0, 3, 0, 16]);
        for entry in [
            Entry::Code,
            Entry::Function(7),
            Entry::Stream { number: 3, op: StreamOp::Read(Format::Count(10)) },
            Entry::Stream { number: 3, op: StreamOp::Seek { whence: 2, offset: -5 } },
            Entry::Set,
        ] {
            all.push(Event::Call { thread, alone: thread == 1, entry, parcel });
        }
        let reply = if thread == 3 { Reply::Misuse(2) } else { Reply::Values };
        let asked = b"\x01\x00\x00";
        all.push(Event::Reply(Answered {
            thread,
            asked,
            reply,
            parcel,
            sizes,
            charged: thread == 2,
            paid: thread != 4,
        }));
        all.push(Event::End { thread, reply: Reply::Error, len: 300, check: 0x1234_5678, text: b"an error" });
        all.push(Event::Limits { parcel, capacity: 1 << 33 });
    }
    for (way, traceback) in
        [(Way::Again, None), (Way::Soft, Some(&b"trace"[..])), (Way::Hard, Some(&b""[..]))]
    {
        let (kind, message, state) = (Kind::Limit(Limit::Wall), &b"x:1: wall"[..], &b"state"[..]);
        all.push(Event::Stop(Stop { thread: 2, way, kind, message, traceback, state }));
    }
    all.push(Event::Near { thread: 1, asked: b"\x01\x00\x00", data: b"a line", charged: false });
    all.push(Event::Near { thread: 3, asked: b"\x02\x01\x05abcd", data: b"", charged: true });
    all.push(Event::Known { weight: 256 });
    all.push(Event::Gone { number: 9, count: 2, weight: 256 });
    all.extend([Event::Told, Event::Bind { stream: 2, assigned: true }, Event::Abandon { thread: 4 }]);
    all.extend([Event::Closed, Event::Over]);
    all
}

#[test]
fn events_come_back() {
    let mut bytes = Vec::new();
    let all = all();
    for event in &all {
        let before = bytes.len();
        event.write(&mut bytes);
        assert!(bytes.len() - before <= event.room());
    }
    let mut reader = Reader(&bytes);
    for event in &all {
        assert_eq!(Event::read(&mut reader).as_ref(), Some(event));
    }
    assert!(reader.is_at_end());
}

/// A box of a few words, as a journal has it.
fn state() -> State {
    let mut outside = Outside { threads: vec![true, false], exit: Some(-1), ..Outside::default() };
    outside.books[0].list.push((1, 2));
    let object = Object { name: b"lua".to_vec(), build: vec![1; 20], start: 4096, end: 8192 };
    let words: Vec<u64> = (0..1000).collect();
    let page = page_size();
    let (pieces, gone, brk) = ([(0, 4000), (2 * page, 4000)], [(page, 2 * page)], 4 * page);
    let parts =
        HeapParts { base: 1 << 44, page, live: 100, brk, pieces: &pieces, gone: &gone, words: &words };
    State { outside, size: 1 << 20, heap: HeapCopy::of_parts(parts).unwrap(), objects: vec![object] }
}

#[test]
fn a_state_comes_back_and_none_that_was_altered_does_harm() {
    let bytes = state().bytes().unwrap();
    assert_eq!(State::read(&bytes), Some(state()));
    let mut random = Random(7);
    for _ in 0..3000 {
        let mut altered = bytes.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(altered.len());
            altered[at] = random.number() as u8;
        }
        altered.truncate(bytes.len() - random.below(2) * random.below(bytes.len()));
        State::read(&altered);
    }
}

/// Reads all of a journal, and shows what it says was asked.
fn read(journal: &[u8]) -> Result<usize, String> {
    let mut events = Events::new(journal, MAGIC.len());
    let mut n = 0;
    while let Some(event) = events.next()? {
        if let Event::Reply(Answered { asked, .. }) = event {
            assert!(!asked::show(asked).is_empty());
        }
        if let Event::Call { parcel: Parcel::Values(_, _, values), .. } = event {
            let mut items = crate::gate::parcel::Reader::headless(values);
            while items.item().is_some() {}
        }
        n += 1;
    }
    Ok(n)
}

#[test]
fn damaged_journals_are_refused_and_forged_ones_do_no_harm() {
    let mut payload = Vec::new();
    all().iter().for_each(|event| event.write(&mut payload));
    let mut journal = MAGIC.to_vec();
    assert!(seal(&payload, &mut journal));
    assert_eq!(read(&journal), Ok(all().len()));
    let mut random = Random(42);
    let mut refused = 0;
    for _ in 0..5000 {
        // Under a checksum that is right, anything may stand.
        let mut forged = payload.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(forged.len());
            match random.below(4) {
                0 => forged[at] = random.number() as u8,
                1 => forged[at] ^= 1 << random.below(8),
                2 => forged.truncate(at.max(1)),
                _ => forged.insert(at, 0xff),
            }
        }
        let mut whole = MAGIC.to_vec();
        assert!(seal(&forged, &mut whole));
        refused += usize::from(read(&whole).is_err());
        assert!(open(&whole).is_err(), "no header");
        // Under one that is wrong, nothing.
        let mut damaged = journal.clone();
        let at = MAGIC.len() + random.below(damaged.len() - MAGIC.len());
        damaged[at] ^= 1 << random.below(8);
        assert!(read(&damaged).is_err(), "byte {at}");
    }
    assert!(refused > 1000, "{refused} of 5000 forged journals were refused");
}

#[test]
fn what_was_asked_is_shown() {
    let shown = |request, sent: &[u8]| {
        let mut asked = Vec::new();
        asked::write(&mut asked, request, sent);
        asked::show(&asked)
    };
    let sent = b"\x01\0\0\0\0\0\0\0\x05\x05\0\0\0\0\0\0\0x.txt";
    let write = Request::Stream { stream: Stream::Out, op: StreamOp::Write };
    assert!(shown(write, sent).starts_with("write of 5 bytes (checksum "));
    assert_eq!(shown(Request::Source, sent), "source of 'x.txt'");
    assert_eq!(shown(Request::Given { number: 4, op: StreamOp::Flush }, &[]), "flush of stream 4");
    let read = Request::Stream { stream: Stream::In, op: StreamOp::Read(Format::Count(12)) };
    assert_eq!(shown(read, &[]), "read of 12 bytes from stdin");
    assert!(shown(Request::Call { function: 3 }, sent).starts_with("call of host function 3 with 5 bytes"));
}
