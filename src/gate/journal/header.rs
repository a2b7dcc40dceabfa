//! What a journal begins with: by which builds it was made, and the box as it was before its first call.

use super::frame::{put, put_bytes, Reader};
use super::state::State;
use crate::gate::core::Core;
use crate::gate::limits::{Asked, Per, TABLE};
use crate::gate::request::{Bound, Stream};
use crate::lua::compat;

/// The version of the format, that of the parcels in it included.
const FORMAT: u64 = 2;

pub const STREAMS: [Stream; 3] = [Stream::In, Stream::Out, Stream::Err];

/// A header, read.
pub struct Header {
    pub asked: Asked,
    pub secret: u64,
    /// Of each stream the number of its assignment, and whether something was assigned.
    pub streams: [(u64, bool); 3],
    pub state: State,
}

/// The header of a journal that begins now; `None` where there is no memory.
pub fn write(core: &Core) -> Option<Vec<u8>> {
    let mut to = Vec::new();
    put(&mut to, FORMAT);
    put_bytes(&mut to, compat::NAME.as_bytes());
    put_bytes(&mut to, env!("CARGO_PKG_VERSION").as_bytes());
    let limits = core.limits.get();
    for definition in &TABLE {
        to.extend_from_slice(&limits.get(definition.limit).to_bits().to_le_bytes());
    }
    to.push(u8::from(limits.per == Per::Call));
    to.extend_from_slice(&core.secret.to_le_bytes());
    for stream in STREAMS {
        let (bound, number) = core.binding(stream);
        put(&mut to, number);
        to.push(u8::from(bound != Bound::Nothing));
    }
    let state = State::take(core)?;
    put_bytes(&mut to, &state);
    Some(to)
}

/// Reads a header; what is wrong with it, if anything.
pub fn read(bytes: &[u8]) -> Result<Header, String> {
    let mut r = Reader(bytes);
    let builds = (|| Some((r.number()?, r.bytes()?, r.bytes()?)))();
    let Some((format, lua, version)) = builds else { return Err(DAMAGED.to_owned()) };
    let ours = env!("CARGO_PKG_VERSION");
    if format != FORMAT || lua != compat::NAME.as_bytes() || version != ours.as_bytes() {
        let shown = String::from_utf8_lossy;
        return Err(format!(
            "the journal is of format {format}, {}, safelua {}; this is format {FORMAT}, {}, safelua {ours}",
            shown(lua),
            shown(version),
            compat::NAME,
        ));
    }
    rest(r).ok_or_else(|| DAMAGED.to_owned())
}

const DAMAGED: &str = "the journal is damaged in its header";

fn rest(mut r: Reader<'_>) -> Option<Header> {
    let mut asked = Asked::default();
    for (place, definition) in asked.values.iter_mut().zip(&TABLE) {
        let value = f64::from_bits(r.word()?);
        if definition.refuse(value).is_some() {
            return None;
        }
        *place = Some(value);
    }
    asked.per = Some(if r.byte()? != 0 { Per::Call } else { Per::Life });
    let secret = r.word()?;
    let mut streams = [(0, false); 3];
    for place in &mut streams {
        *place = (r.number()?, r.byte()? != 0);
    }
    let state = State::read(r.bytes()?)?;
    r.is_at_end().then_some(Header { asked, secret, streams, state })
}
