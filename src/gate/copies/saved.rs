//! `box:save` and `sandbox.restore`: a snapshot through bytes.

use std::rc::Rc;

use super::made::{self, Source};
use super::pack::{Packer, Unpacker};
use super::{at_rest, no_memory, seal, Snapshot};
use crate::gate::core::Core;
use crate::gate::exchange::{Exchange, NoMemory};
use crate::gate::grants::Grants;
use crate::gate::parcel::{Item, Reader};
use crate::gate::realm::Realm;
use crate::gate::request::Id;
use crate::gate::{answer, options};
use crate::lua::compat::JIT;

/// One of the values that the host has sent with an image, to get them back.
enum Note<'a> {
    Nothing,
    Number(u64),
    Name(&'a [u8]),
}

/// The image of a box. The parcel has the key or false, and the host's notes.
pub(super) fn save(realm: &Realm, core: &Rc<Core>, mut sent: Reader<'_>) -> Result<Vec<u8>, String> {
    at_rest(core)?;
    let key = match sent.item() {
        Some(Item::String(key)) => Some(key),
        _ => None,
    };
    let mut body = Packer::default();
    let snapshot = Snapshot::take(realm, core)?;
    let mut write = |body: &mut Packer| -> Result<(), NoMemory> {
        body.number(realm.made())?;
        body.number(u64::from(sent.count.saturating_sub(1)))?;
        while let Some(item) = sent.item() {
            match item {
                Item::String(name) => {
                    body.number(2)?;
                    body.bytes(name)?;
                }
                Item::Float(n) => body.numbers([1, n as u64])?,
                Item::Integer(n) => body.numbers([1, n as u64])?,
                _ => body.number(0)?,
            }
        }
        snapshot.pack(body)
    };
    write(&mut body).map_err(|NoMemory| no_memory())?;
    drop(snapshot);
    seal::seal(&body.0, key)
}

/// Answers with the number of a box that is as the image says, whether keys have moved, and the host's notes. The parcel has the image, the key or
/// false, and the options.
pub(super) fn restore(realm: &Realm, mut sent: Reader<'_>, exchange: *mut Exchange) -> Result<(), String> {
    let Some(Item::String(image)) = sent.item() else { return Err(no_memory()) };
    let key = match sent.item() {
        Some(Item::String(key)) => Some(key),
        _ => None,
    };
    let mut wanted = Vec::new();
    let asked = options::read(sent, Some(&mut wanted))?;
    let grants = Grants::grant(&wanted, None)?;
    let (body, moved) = seal::open(image, key, true)?;
    let mut from = Unpacker(&body);
    let (made, notes, snapshot) = read(&mut from).ok_or("the image is broken")?;
    if JIT && !moved.is_empty() {
        return Err("cannot restore the image on LuaJIT in another process".to_owned());
    }
    realm.skip_to(made);
    let core =
        made::make(realm, None, Id::NONE, Source::Own(&snapshot, &asked, &moved), false).map_err(|e| {
            match JIT {
                true => "cannot restore the image on LuaJIT: the address of its heap is taken".to_owned(),
                false => e,
            }
        })?;
    drop(snapshot);
    *core.files.grants.borrow_mut() = grants;
    core.copies.era.set(realm.next_number());
    // The host has nothing of the box yet.
    *core.copies.held.borrow_mut() = Some(Vec::new());
    let written = answer::values(exchange, |w| {
        w.float(core.id.0 as f64)?;
        w.boolean(!moved.is_empty())?;
        notes.iter().try_for_each(|note| match note {
            Note::Nothing => w.boolean(false),
            Note::Number(n) => w.float(*n as f64),
            Note::Name(name) => w.string(name),
        })
    });
    if written != crate::gate::request::Reply::Values {
        realm.close(core.id);
        return Err(no_memory());
    }
    Ok(())
}

fn read<'a>(from: &mut Unpacker<'a>) -> Option<(u64, Vec<Note<'a>>, Snapshot)> {
    let made = from.number()?;
    let notes = from.list(8, |from| {
        Some(match from.number()? {
            0 => Note::Nothing,
            1 => Note::Number(from.number()?),
            2 => Note::Name(from.bytes()?),
            _ => return None,
        })
    })?;
    let snapshot = Snapshot::unpack_all(from)?;
    from.0.is_empty().then_some((made, notes, snapshot))
}

/// What the fuzzer does with an image whose tag isn't looked at: as much as can be done without running what it says. Whether its body makes
/// sense; one that does is written again as it was read.
#[cfg(any(test, fuzzing))]
pub fn try_open(image: &[u8], check: bool) -> Result<bool, String> {
    let (body, _) = seal::open(image, None, check)?;
    let Some((_, _, snapshot)) = read(&mut Unpacker(&body)) else { return Ok(false) };
    let mut again = Packer::default();
    snapshot.pack(&mut again).map_err(|NoMemory| no_memory())?;
    assert!(body.ends_with(&again.0), "a snapshot was read as something else than was written");
    Ok(true)
}

/// The same for a body, in a wrapping that is right.
#[cfg(any(test, fuzzing))]
pub fn try_body(body: &[u8]) -> Result<bool, String> {
    try_open(&seal::seal(body, None)?, true)
}
