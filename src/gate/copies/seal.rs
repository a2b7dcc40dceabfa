//! What stands around a saved image: a mark of the format, a tag over all that follows, the builds that made it, and the body, compressed.
//!
//! ```text
//!   "safelua\x1a"  tag (HMAC-SHA-256, 32 bytes)  header (format, Lua, builds, addresses)  length  body (LZ4)
//! ```
//!
//! The tag is checked, in constant time, before anything behind it is looked at. Without a key it tells damage, not malice.

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use super::no_memory;
use super::pack::{Packer, Unpacker};
use crate::engine::heap::{Move, Moved};
use crate::engine::objects::{holder, Object};
use crate::gate::exchange::NoMemory;
use crate::lua::compat;

pub(super) const MAGIC: &[u8; 8] = b"safelua\x1a";
pub(super) const TAG: usize = 32;
/// Raised whenever anything in an image changes its meaning.
pub(super) const FORMAT: u64 = 1;
/// LZ4 makes no more of a byte.
const RATIO: usize = 256;

/// The builds of Lua and of this library, and where their code lies.
struct Builds {
    named: String,
    objects: [&'static Object; 2],
}

/// Where Lua's code and ours lie, and which builds they are; `None` where they can't be told from others.
fn builds() -> Option<Builds> {
    let lua = holder(compat::own_address() as u64)?;
    let ours = holder(builds as *const () as u64)?;
    if lua.build.is_empty() || ours.build.is_empty() {
        return None;
    }
    let (version, arch) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    let named = format!(
        "{} ({}) and safelua {version} ({}), {arch}",
        compat::NAME,
        lua.build_shown(),
        ours.build_shown()
    );
    Some(Builds { named, objects: [lua, ours] })
}

fn tagged(key: Option<&[u8]>, parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
    // Hashed first: HMAC takes a short key and the same with zeros behind it for one.
    let mut mac = Hmac::<Sha256>::new_from_slice(&Sha256::digest(key.unwrap_or(b""))).ok()?;
    mac.update(if key.is_some() { b"signed" } else { b"open" });
    parts.iter().for_each(|part| mac.update(part));
    Some(mac)
}

fn unknown_builds() -> String {
    "sandbox: the builds of Lua and of this library have no build id".to_owned()
}

/// Puts a body into its wrapping.
pub(super) fn seal(body: &[u8], key: Option<&[u8]>) -> Result<Vec<u8>, String> {
    let builds = builds().ok_or_else(unknown_builds)?;
    let mut image = Packer::default();
    let write = |image: &mut Packer| -> Result<(), NoMemory> {
        image.0.try_reserve(MAGIC.len() + TAG).map_err(|_| NoMemory)?;
        image.0.extend_from_slice(MAGIC);
        image.0.extend_from_slice(&[0; TAG]);
        image.number(FORMAT)?;
        image.bytes(builds.named.as_bytes())?;
        for object in builds.objects {
            image.numbers([object.start, object.end])?;
        }
        image.number(body.len() as u64)
    };
    write(&mut image).map_err(|NoMemory| no_memory())?;
    let mut image = image.0;
    let start = image.len();
    let most = lz4_flex::block::get_maximum_output_size(body.len());
    image.try_reserve_exact(most).map_err(|_| no_memory())?;
    image.resize(start + most, 0);
    let place = image.get_mut(start..).unwrap_or_default();
    let len = lz4_flex::block::compress_into(body, place).map_err(|_| no_memory())?;
    image.truncate(start + len);
    sign(&mut image, key).ok_or_else(no_memory)?;
    Ok(image)
}

/// Writes the tag over all that follows it.
pub(super) fn sign(image: &mut [u8], key: Option<&[u8]>) -> Option<()> {
    let (head, rest) = image.split_at_mut_checked(MAGIC.len() + TAG)?;
    let tag = tagged(key, &[rest])?;
    head.get_mut(MAGIC.len()..)?.copy_from_slice(&tag.finalize().into_bytes());
    Some(())
}

/// A body out of its wrapping, and which addresses have moved. `check` is off in fuzzers alone.
pub(super) fn open(image: &[u8], key: Option<&[u8]>, check: bool) -> Result<(Vec<u8>, Vec<Move>), String> {
    let rest = image.strip_prefix(MAGIC).ok_or("not an image of a sandbox")?;
    let (tag, rest) = rest.split_at_checked(TAG).ok_or("not an image of a sandbox")?;
    let mac = tagged(key, &[rest]).ok_or_else(no_memory)?;
    // In constant time.
    if check && mac.verify_slice(tag).is_err() {
        return Err(match key {
            Some(_) => "the image is not signed with this key, or was altered".to_owned(),
            None => "the image is signed (option 'key' is missing), or was altered".to_owned(),
        });
    }
    let builds = builds().ok_or_else(unknown_builds)?;
    let mut from = Unpacker(rest);
    let broken = || "the image is broken".to_owned();
    let format = from.number().ok_or_else(broken)?;
    if format != FORMAT {
        return Err(format!("the image has format {format}, this is format {FORMAT}"));
    }
    let named = from.bytes().ok_or_else(broken)?;
    if named != builds.named.as_bytes() {
        return Err(format!("the image is of {}, this is {}", String::from_utf8_lossy(named), builds.named));
    }
    let mut moved = Vec::new();
    for object in builds.objects {
        let (start, end) = (from.number().ok_or_else(broken)?, from.number().ok_or_else(broken)?);
        if end.checked_sub(start) != Some(object.end - object.start) {
            return Err(broken());
        }
        if start != object.start {
            moved.push((start, end, object.start.wrapping_sub(start)));
        }
    }
    let len = from.size().ok_or_else(broken)?;
    if len / RATIO > from.0.len() {
        return Err(broken());
    }
    let mut body = Vec::new();
    body.try_reserve_exact(len).map_err(|_| no_memory())?;
    body.resize(len, 0);
    match lz4_flex::block::decompress_into(from.0, &mut body) {
        Ok(n) if n == len => Ok((body, moved)),
        _ => Err(broken()),
    }
}

/// Whether an address, as it is now, lies in what has moved.
pub(super) fn has_moved(moved: &Moved, address: u64) -> bool {
    moved.iter().any(|&(start, end, by)| start.wrapping_add(by) <= address && address < end.wrapping_add(by))
}
