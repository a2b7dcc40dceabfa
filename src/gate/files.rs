//! Reading a chunk from a file, as stock `dofile` does.

use std::ffi::CStr;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;

use super::answer::{error, values};
use super::core::Core;
use super::exchange::{Exchange, NoMemory};
use super::grants::Mode;
use super::parcel::{Item, Reader};
use super::request::Reply;
use crate::lua::compat;

/// The name in a parcel.
fn named(mut sent: Reader<'_>) -> Vec<u8> {
    match sent.item() {
        Some(Item::String(s)) => s.to_vec(),
        _ => Vec::new(),
    }
}

/// Reads the source in the file that the parcel names, among those granted to `core`, of at most `longest` bytes.
pub fn read_granted(core: &Core, sent: Reader<'_>, exchange: *mut Exchange, longest: usize) -> Reply {
    let name = named(sent);
    let shown = String::from_utf8_lossy(&name);
    match core.files.grants.borrow().open(&name, Mode::READ) {
        Ok(file) => send(file, &shown, exchange, longest),
        Err(e) => {
            // Stock opens a directory and fails to read it.
            let what = if e == libc::EISDIR { "read" } else { "open" };
            error(exchange, &format!("cannot {what} {shown}: {}", strerror(e)))
        }
    }
}

/// Reads the source in the file that the parcel names, of at most `longest` bytes.
pub fn read_source(sent: Reader<'_>, exchange: *mut Exchange, longest: usize) -> Reply {
    let name = named(sent);
    read(&name, &name, exchange, longest)
}

/// The same for the file `name`. What goes wrong is said of `shown`. Only a regular file: a FIFO or a device could keep the host
/// waiting for ever.
pub fn read(name: &[u8], shown: &[u8], exchange: *mut Exchange, longest: usize) -> Reply {
    let shown = String::from_utf8_lossy(shown).into_owned();
    if name.contains(&0) {
        return error(exchange, &format!("cannot open {shown}: the name has a zero byte"));
    }
    let file = match open(name) {
        Err((what, text)) => return error(exchange, &format!("cannot {what} {shown}: {text}")),
        Ok(file) => file,
    };
    send(file, &shown, exchange, longest)
}

fn send(file: File, shown: &str, exchange: *mut Exchange, longest: usize) -> Reply {
    let mut refused = None;
    let reply = values(exchange, |w| {
        let filled = w.string_with(|to, allowance| fill(file, to, allowance.min(longest)))?;
        filled.or_else(|text| match text {
            Some(text) => {
                refused = Some(text);
                Ok(())
            }
            None => Err(NoMemory),
        })
    });
    match refused {
        Some(text) => error(exchange, &format!("cannot read {shown}: {text}")),
        None => reply,
    }
}

/// Why a file can't be read, without a look inside.
#[derive(Clone, Copy)]
pub enum Refusal {
    ZeroByte,
    NotRegular,
    System(i32),
}

/// Whether `name` is a regular file.
pub fn check(name: &[u8]) -> Result<(), Refusal> {
    if name.contains(&0) {
        return Err(Refusal::ZeroByte);
    }
    match std::fs::metadata(std::path::Path::new(std::ffi::OsStr::from_bytes(name))) {
        Err(e) => Err(Refusal::System(e.raw_os_error().unwrap_or(libc::EIO))),
        Ok(kind) if kind.is_dir() => Err(Refusal::System(libc::EISDIR)),
        Ok(kind) if !kind.is_file() => Err(Refusal::NotRegular),
        Ok(_) => Ok(()),
    }
}

impl Refusal {
    /// What it says, in a buffer of the caller's, so that bare code can have it.
    pub fn text(self, buffer: &mut [u8; 256]) -> &CStr {
        match self {
            Refusal::ZeroByte => c"the name has a zero byte",
            Refusal::NotRegular => c"not a regular file",
            Refusal::System(code) => words(code, buffer),
        }
    }
}

/// The system's words for an error number, in a buffer of the caller's.
fn words(code: i32, buffer: &mut [u8; 256]) -> &CStr {
    // SAFETY: the buffer is as long as it is said to be; the XSI function ends it with a zero.
    #[allow(unsafe_code)]
    unsafe {
        libc::strerror_r(code, buffer.as_mut_ptr().cast(), buffer.len())
    };
    CStr::from_bytes_until_nul(buffer).unwrap_or(c"?")
}

/// Opens a regular file; else what can't be done, and why.
fn open(name: &[u8]) -> Result<File, (&'static str, String)> {
    let path = std::path::Path::new(std::ffi::OsStr::from_bytes(name));
    let cannot_open = |e: std::io::Error| ("open", reason(&e));
    // Without O_NONBLOCK, opening a FIFO waits for its writer.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)
        .map_err(cannot_open)?;
    let kind = file.metadata().map_err(cannot_open)?;
    if kind.is_dir() {
        // Stock opens a directory and fails to read it.
        return Err(("read", reason(&std::io::Error::from_raw_os_error(libc::EISDIR))));
    }
    if !kind.is_file() {
        return Err(("open", "not a regular file".to_owned()));
    }
    Ok(file)
}

/// The system's words for an error, without Rust's addition.
fn reason(e: &std::io::Error) -> String {
    e.raw_os_error().map_or_else(|| e.to_string(), strerror)
}

/// The system's words for an error number.
pub fn strerror(code: i32) -> String {
    words(code, &mut [0_u8; 256]).to_string_lossy().into_owned()
}

/// Appends the text of a chunk: a first line that begins with `#` is blanked out, as stock `loadfile` skips it.
/// What is wrong, or `None` where there is no memory.
fn fill(mut file: File, to: &mut Vec<u8>, allowance: usize) -> Result<(), Option<String>> {
    let start = to.len();
    let mut piece = [0_u8; 16 << 10];
    loop {
        let n = match file.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(Some(reason(&e))),
        };
        if to.len() - start + n > allowance || to.try_reserve(n).is_err() {
            return Err(None);
        }
        to.extend_from_slice(piece.get(..n).unwrap_or_default());
    }
    skip_comment(to, start);
    Ok(())
}

fn skip_comment(to: &mut Vec<u8>, start: usize) {
    if compat::BYTE_ORDER_MARK && to.get(start..start + 3) == Some(b"\xEF\xBB\xBF") {
        to.drain(start..start + 3);
    }
    if to.get(start) == Some(&b'#') {
        let end = to.iter().skip(start).position(|&b| b == b'\n').map_or(to.len(), |n| start + n);
        // The line itself goes, its end stays: line numbers hold.
        to.drain(start..end);
    }
}
