//! Images of another build, another Lua, another format, and of another process.

use super::*;
use crate::gate::copies::pack::Unpacker;
use crate::gate::copies::seal::has_moved;
use crate::lua::compat::NAME;

/// The parts of an image behind its tag.
pub(super) struct Header<'a> {
    format: u64,
    named: &'a str,
    /// Start and end of Lua's and of our code.
    objects: [u64; 4],
    len: u64,
    pub body: &'a [u8],
}

impl<'a> Header<'a> {
    pub fn of(image: &'a [u8]) -> Header<'a> {
        let mut from = Unpacker(&image[MAGIC.len() + TAG..]);
        let mut number = || from.number().unwrap();
        let format = number();
        let named = std::str::from_utf8(from.bytes().unwrap()).unwrap();
        let objects = [(); 4].map(|()| from.number().unwrap());
        let len = from.number().unwrap();
        Header { format, named, objects, len, body: from.0 }
    }

    /// An image with these parts and a tag that is right.
    fn signed(&self, key: Option<&[u8]>) -> Vec<u8> {
        let mut image = Packer(MAGIC.to_vec());
        image.0.extend_from_slice(&[0; TAG]);
        let write = |image: &mut Packer| {
            image.number(self.format)?;
            image.bytes(self.named.as_bytes())?;
            image.numbers(self.objects)?;
            image.number(self.len)
        };
        assert!(write(&mut image).is_ok());
        image.0.extend_from_slice(self.body);
        sign(&mut image.0, key).unwrap();
        image.0
    }
}

/// The header of an image that is right, but for what `change` does to it; it is signed with `key`.
fn changed<'a>(image: &'a [u8], key: Option<&[u8]>, change: impl FnOnce(&mut Header<'a>)) -> Vec<u8> {
    let mut header = Header::of(image);
    change(&mut header);
    header.signed(key)
}

/// What `sandbox.restore` says of an image, called from Lua.
fn refusal(image: &[u8], options: &str) -> String {
    let code = format!(
        "local ok, message = pcall(sandbox.restore, (...), {options})
         return not ok and message or '(it was restored)'"
    );
    String::from_utf8(lua(&code, image)).unwrap()
}

#[test]
fn the_header_is_understood_here_as_it_was_written() {
    let image = real();
    assert_eq!(changed(&image, None, |_| {}), image);
}

#[test]
fn another_build_is_an_error_that_names_both() {
    let image = real();
    let own = Header::of(&image).named.to_owned();
    let version = env!("CARGO_PKG_VERSION");
    assert!(own.starts_with(&format!("{NAME} (")) && own.contains(&format!(" and safelua {version} (")));
    let (_, own_id) = own.rsplit_once('(').unwrap();
    let own_id = own_id.split(')').next().unwrap();
    assert_eq!(own_id.len(), 16);
    let others = [
        own.replacen(NAME, "Lua 5.9", 1),
        own.replacen(&format!("safelua {version}"), "safelua 0.0.99", 1),
        own.replacen(own_id, "0123456789abcdef", 2),
        own.replacen(std::env::consts::ARCH, "pdp11", 1),
        format!("{own} "),
        own.strip_suffix(std::env::consts::ARCH).unwrap().to_owned(),
        String::new(),
    ];
    for other in &others {
        assert_ne!(*other, own);
        let expected = format!("the image is of {other}, this is {own}");
        let altered = changed(&image, None, |header| header.named = other);
        assert_eq!(try_open(&altered, true), Err(expected.clone()));
        let signed = changed(&image, Some(b"key"), |header| header.named = other);
        assert_eq!(open(&signed, Some(b"key"), true), Err(expected));
    }
    // As a caller meets it.
    let altered = changed(&image, Some(b"key"), |header| header.named = &others[0]);
    let said = refusal(&altered, "{ key = 'key' }");
    assert!(said.contains("Lua 5.9 (") && said.contains(&format!("this is {own}")), "{said}");
    // Whoever can't sign is told nothing of builds.
    let said = refusal(&altered, "{ key = 'another' }");
    assert!(said.contains("not signed with this key") && !said.contains("Lua 5.9"), "{said}");
}

#[test]
fn another_format_is_an_error_that_names_both() {
    let image = real();
    for format in [0, FORMAT + 1, u64::MAX] {
        let expected = format!("the image has format {format}, this is format {FORMAT}");
        // Whatever else the other format has.
        let altered = changed(&image, None, |header| {
            (header.format, header.named, header.len) = (format, "Lua 5.9", u64::MAX);
        });
        assert_eq!(try_open(&altered, true), Err(expected.clone()));
        let said = refusal(&altered, "{}");
        assert!(said.contains(&expected), "{said}");
    }
}

#[test]
fn lengths_that_cannot_be_are_errors() {
    let (image, broken) = (small(), Err("the image is broken".to_owned()));
    let len = Header::of(&image).len;
    for wrong in [0, len - 1, len + 1, 1 << 40, u64::MAX] {
        assert_eq!(try_open(&changed(&image, None, |header| header.len = wrong), true), broken, "{wrong}");
    }
    // Code of another length is not the same build.
    for at in 0..4 {
        let altered =
            changed(&image, None, |header| header.objects[at] = header.objects[at].wrapping_add(4096));
        assert_eq!(try_open(&altered, true), broken, "{at}");
    }
    let altered = changed(&image, None, |header| header.objects[..2].reverse());
    assert_eq!(try_open(&altered, true), broken);
}

#[test]
fn code_that_lay_elsewhere_has_moved() {
    let image = small();
    let here = Header::of(&image).objects;
    let altered = changed(&image, None, |header| {
        header.objects[2] -= 3 << 20;
        header.objects[3] -= 3 << 20;
    });
    let (body, moved) = open(&altered, None, true).unwrap();
    assert_eq!(body, small_body(2));
    assert_eq!(moved, [(here[2] - (3 << 20), here[3] - (3 << 20), 3 << 20)]);
    assert!(has_moved(&moved, here[2]) && has_moved(&moved, here[3] - 1));
    assert!(!has_moved(&moved, here[2] - 1) && !has_moved(&moved, here[3]));
}
