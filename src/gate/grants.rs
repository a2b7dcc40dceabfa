//! What a box sees of the file system: directories of the host, each at a path inside.
//!
//! A name is first made plain by its letters alone: it counts from `/`, `.` and empty parts go, `..` takes the part before it away and
//! never leads above `/`. The grant with the longest path that the name begins with decides. What is left of the name is resolved
//! beneath that grant's directory handle (`cap-std`): no link leads out of the directory, whatever is renamed meanwhile.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::rc::Rc;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fs::{fstatfs, PROC_SUPER_MAGIC};

use super::core::Core;
use super::opened::Counted;
use crate::engine::spare::room_for_shared;
use crate::lua::compat::NO_MEMORY;

/// An error number of the system.
pub type Errno = i32;

/// The longest name, as the system has it.
const LONGEST: usize = 4096;

/// What is asked for: path inside, path of the directory, whether it may be written to.
pub struct Asked {
    pub at: Vec<u8>,
    pub path: Vec<u8>,
    pub write: bool,
}

/// How a file is to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Mode {
    pub read: bool,
    pub write: bool,
    pub append: bool,
    pub create: bool,
    /// Only if it isn't there yet.
    pub new: bool,
    pub truncate: bool,
}

impl Mode {
    pub const READ: Mode =
        Mode { read: true, write: false, append: false, create: false, new: false, truncate: false };
    pub const WRITE: Mode =
        Mode { read: false, write: true, append: false, create: true, new: false, truncate: true };

    /// What a mode of `fopen` means: `r`, `w` or `a`, with `+` or without, and `x` for a file that isn't there yet.
    pub fn of(text: &[u8]) -> Option<Mode> {
        let (first, rest) = text.split_first()?;
        let mode = match first {
            b'r' => Mode::READ,
            b'w' => Mode::WRITE,
            b'a' => Mode { append: true, truncate: false, ..Mode::WRITE },
            _ => return None,
        };
        // The C library looks no further.
        let rest = rest.get(..6).unwrap_or(rest);
        let both = rest.contains(&b'+');
        let new = mode.create && rest.contains(&b'x');
        Some(Mode { read: mode.read || both, write: mode.write || both, new, ..mode })
    }
}

/// A directory's handle. One that a box has opened for a box below it counts among its open files.
struct Directory {
    dir: Dir,
    _counted: Option<Counted>,
}

#[derive(Clone)]
struct Grant {
    at: Vec<Vec<u8>>,
    directory: Rc<Directory>,
    write: bool,
}

/// All that was granted to one box.
#[derive(Default, Clone)]
pub struct Grants {
    all: Vec<Grant>,
}

/// A name made plain.
struct Name<'a> {
    parts: Vec<&'a [u8]>,
    /// It ends in a slash or a dot, which only a directory's name does.
    directory: bool,
}

/// Where a name leads.
enum Place<'a> {
    /// To a grant, and on from there.
    Granted(&'a Grant, PathBuf),
    /// Above a grant.
    Above,
    Nowhere,
}

fn plain(name: &[u8]) -> Result<Name<'_>, Errno> {
    if name.is_empty() {
        return Err(libc::ENOENT);
    }
    if name.contains(&0) {
        return Err(libc::EINVAL);
    }
    if name.len() >= LONGEST {
        return Err(libc::ENAMETOOLONG);
    }
    let mut parts = Vec::new();
    let mut directory = false;
    for part in name.split(|&b| b == b'/') {
        directory = matches!(part, b"" | b"." | b"..");
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    Ok(Name { parts, directory })
}

fn begins(with: &[Vec<u8>], parts: &[&[u8]]) -> bool {
    with.len() <= parts.len() && with.iter().zip(parts).all(|(a, b)| a == b)
}

fn joined(parts: &[&[u8]]) -> PathBuf {
    OsString::from_vec(parts.join(&b'/')).into()
}

impl Grants {
    fn place(&self, parts: &[&[u8]]) -> Place<'_> {
        let matching = self.all.iter().filter(|grant| begins(&grant.at, parts));
        if let Some(grant) = matching.max_by_key(|grant| grant.at.len()) {
            return Place::Granted(grant, joined(parts.get(grant.at.len()..).unwrap_or_default()));
        }
        let above = self.all.iter().any(|grant| parts.iter().zip(&grant.at).all(|(a, b)| a == b));
        if above {
            Place::Above
        } else {
            Place::Nowhere
        }
    }

    /// Opens the regular file `name`. What else there may be is not opened, lest that wait or do something.
    pub fn open(&self, name: &[u8], mode: Mode) -> Result<File, Errno> {
        let plain = plain(name)?;
        let (grant, path) = match self.place(&plain.parts) {
            Place::Granted(grant, path) => (grant, path),
            Place::Above => return Err(libc::EISDIR),
            Place::Nowhere => return Err(libc::ENOENT),
        };
        if path.as_os_str().is_empty() {
            return Err(libc::EISDIR);
        }
        if mode.write && !grant.write {
            return Err(libc::EROFS);
        }
        let dir = &grant.directory.dir;
        match dir.metadata(&path) {
            Ok(found) if found.is_dir() => return Err(libc::EISDIR),
            Ok(found) if !found.is_file() => return Err(libc::EACCES),
            Ok(_) if plain.directory => return Err(libc::ENOTDIR),
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound && mode.create => {
                if plain.directory {
                    return Err(libc::EISDIR);
                }
            }
            Err(e) => return Err(errno(&e)),
        }
        let mut options = OpenOptions::new();
        // What is there by now may be another thing: it must not be waited for, nor become the process' terminal.
        options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
        options.read(mode.read).write(mode.write && !mode.append).append(mode.append);
        options.create(mode.create).create_new(mode.new);
        let file = dir.open_with(&path, &options).map_err(|e| errno(&e))?.into_std();
        let found = file.metadata().map_err(|e| errno(&e))?;
        if found.is_dir() {
            return Err(libc::EISDIR);
        }
        if !found.is_file() || is_kernels(&file) {
            return Err(libc::EACCES);
        }
        if mode.truncate {
            file.set_len(0).map_err(|e| errno(&e))?;
        }
        Ok(file)
    }

    /// Whether `name` is a file that can be read.
    pub fn readable(&self, name: &[u8]) -> bool {
        self.open(name, Mode::READ).is_ok()
    }

    /// Opens what is asked for; what is wrong with it, if anything. The paths of a box's own are those that it sees itself.
    pub fn grant(asked: &[Asked], parent: Option<&Rc<Core>>) -> Result<Grants, String> {
        let mut grants = Grants::default();
        let mut named: Vec<Vec<Vec<u8>>> = Vec::new();
        for one in asked {
            let at = place_inside(&one.at)?;
            if named.contains(&at) {
                return Err(format!("option '{}': this path is granted twice", shown(&one.at, "")));
            }
            named.push(at);
        }
        for (one, at) in asked.iter().zip(&named) {
            match parent {
                None => {
                    let dir = open_directory(&one.path).map_err(|e| cannot_open(one, e))?;
                    if !room_for_shared::<Directory>() {
                        return Err(NO_MEMORY.to_owned());
                    }
                    let directory = Rc::new(Directory { dir, _counted: None });
                    grants.all.push(Grant { at: at.clone(), directory, write: one.write });
                }
                Some(parent) => {
                    let mut part = parent.files.grants.borrow().part(one, at, parent)?;
                    // What is granted by name goes before what a wider grant brings along.
                    part.retain(|grant| !named.iter().any(|n| n.len() > at.len() && grant.at.starts_with(n)));
                    grants.all.extend(part);
                }
            }
        }
        Ok(grants)
    }

    /// What a box may grant of its own: the directory, and those that it sees inside that.
    fn part(&self, asked: &Asked, at: &[Vec<u8>], owner: &Rc<Core>) -> Result<Vec<Grant>, String> {
        let plain = plain(&asked.path).map_err(|e| cannot_open(asked, e))?;
        let mut all = Vec::new();
        match self.place(&plain.parts) {
            Place::Nowhere => return Err(cannot_open(asked, libc::ENOENT)),
            Place::Above => {}
            Place::Granted(grant, path) => {
                if asked.write && !grant.write {
                    let name = shown(&asked.at, ".write");
                    return Err(format!("option '{name}': the box itself may not write there"));
                }
                let directory = if path.as_os_str().is_empty() {
                    Rc::clone(&grant.directory)
                } else {
                    let counted = Counted::new(owner)
                        .map_err(|limit| format!("option '{}': {limit}", shown(&asked.at, ".path")))?;
                    let dir =
                        grant.directory.dir.open_dir(&path).map_err(|e| cannot_open(asked, errno(&e)))?;
                    if !room_for_shared::<Directory>() {
                        return Err(NO_MEMORY.to_owned());
                    }
                    Rc::new(Directory { dir, _counted: Some(counted) })
                };
                all.push(Grant { at: at.to_vec(), directory, write: asked.write });
            }
        }
        for grant in &self.all {
            let inside =
                grant.at.len() > plain.parts.len() && plain.parts.iter().zip(&grant.at).all(|(a, b)| a == b);
            if inside {
                let rest = grant.at.get(plain.parts.len()..).unwrap_or_default();
                let at = [at, rest].concat();
                all.push(Grant {
                    at,
                    directory: Rc::clone(&grant.directory),
                    write: grant.write && asked.write,
                });
            }
        }
        Ok(all)
    }
}

/// Files of the kernel's own look regular, but tell of the process and wait for things: `/proc/self/mem` is all of its memory.
fn is_kernels(file: &File) -> bool {
    const OTHERS: [i64; 10] = [
        0x6265_6572, // sysfs
        0x6462_6720, // debugfs
        0x7472_6163, // tracefs
        0x7363_6673, // securityfs
        0x0027_e0eb, // cgroup
        0x6367_7270, // cgroup2
        0xcafe_4a11, // bpf
        0x6265_6570, // configfs
        0xf97c_ff8c, // selinuxfs
        0xde5e_81e4, // efivarfs
    ];
    match fstatfs(file) {
        Ok(found) => {
            let kind = found.f_type;
            kind == PROC_SUPER_MAGIC || OTHERS.contains(&kind)
        }
        Err(_) => true,
    }
}

fn open_directory(path: &[u8]) -> Result<Dir, Errno> {
    if path.contains(&0) {
        return Err(libc::EINVAL);
    }
    let path: PathBuf = OsString::from_vec(path.to_vec()).into();
    Dir::open_ambient_dir(path, ambient_authority()).map_err(|e| errno(&e))
}

/// The parts of a path inside that something is granted at.
fn place_inside(at: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let wrong = |what: &str| Err(format!("option '{}': {what}", shown(at, "")));
    if at.first() != Some(&b'/') {
        return wrong("a path that begins with '/' expected");
    }
    if at.contains(&0) {
        return wrong("the path has a zero byte");
    }
    if at.len() >= LONGEST {
        return wrong("the path is too long");
    }
    let mut parts = Vec::new();
    for part in at.split(|&b| b == b'/').filter(|part| !part.is_empty()) {
        if matches!(part, b"." | b"..") {
            return wrong("a path without '.' and '..' expected");
        }
        parts.push(part.to_vec());
    }
    Ok(parts)
}

/// `files["/inside"].path`
pub fn shown(at: &[u8], field: &str) -> String {
    // What Lua makes of a message ends at a zero byte.
    let at = String::from_utf8_lossy(at).replace('\0', "\\0");
    format!("files[\"{at}\"]{field}")
}

fn cannot_open(asked: &Asked, e: Errno) -> String {
    let (name, path) = (shown(&asked.at, ".path"), String::from_utf8_lossy(&asked.path).replace('\0', "\\0"));
    format!("option '{name}': cannot open {path}: {}", super::files::strerror(e))
}

/// The number of an error; a name that led out of its directory has none, and is forbidden.
pub fn errno(e: &io::Error) -> Errno {
    e.raw_os_error().unwrap_or(match e.kind() {
        io::ErrorKind::PermissionDenied => libc::EACCES,
        io::ErrorKind::NotFound => libc::ENOENT,
        io::ErrorKind::InvalidInput => libc::EINVAL,
        _ => libc::EIO,
    })
}

#[cfg(test)]
mod tests {
    use super::plain;

    fn parts(name: &str) -> Result<(String, bool), i32> {
        plain(name.as_bytes()).map(|name| {
            let parts: Vec<_> = name.parts.iter().map(|part| String::from_utf8_lossy(part)).collect();
            (parts.join("/"), name.directory)
        })
    }

    #[test]
    fn names_are_made_plain_by_their_letters() {
        assert_eq!(parts("/a/./b//c"), Ok(("a/b/c".into(), false)));
        assert_eq!(parts("a/../../../b"), Ok(("b".into(), false)));
        assert_eq!(parts("/a/b/.."), Ok(("a".into(), true)));
        assert_eq!(parts("a/"), Ok(("a".into(), true)));
        assert_eq!(parts("..."), Ok(("...".into(), false)));
        assert_eq!(parts("a\0b"), Err(libc::EINVAL));
        assert_eq!(parts(""), Err(libc::ENOENT));
        assert_eq!(parts(&"x/".repeat(3000)), Err(libc::ENAMETOOLONG));
    }
}
