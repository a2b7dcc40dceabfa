//! Reading a table of options from a parcel: what was asked for, or what is wrong with it.

use super::grants::Asked as Granted;
use super::limits::{unknown, wrong_type, Asked};
use super::parcel::{Item, Reader};

/// Reads the first value of a parcel: nothing, or a table of options. Where `grants` is given, `files` may be a table of what is granted:
/// path inside -> `r` or `w`, and the path of a directory.
pub fn read(mut reader: Reader<'_>, mut grants: Option<&mut Vec<Granted>>) -> Result<Asked, String> {
    let mut asked = Asked::default();
    if reader.count == 0 {
        return Ok(asked);
    }
    match reader.item() {
        None | Some(Item::Nil) => return Ok(asked),
        Some(Item::Begin(_)) => {}
        Some(_) => return Err("table expected".to_owned()),
    }
    loop {
        let name = match reader.item() {
            Some(Item::String(name)) => name,
            Some(Item::End) | None => return Ok(asked),
            // A list: none of an option's values comes before its name.
            Some(Item::Listed) => return Err(unknown(b"1")),
            Some(Item::Integer(n)) => return Err(unknown(n.to_string().as_bytes())),
            Some(Item::Float(n)) => return Err(unknown(n.to_string().as_bytes())),
            Some(_) => return Err("names of options are strings".to_owned()),
        };
        match reader.item() {
            Some(Item::Integer(n)) => asked.set_number(name, n as f64)?,
            Some(Item::Float(n)) => asked.set_number(name, n)?,
            Some(Item::String(s)) => asked.set_string(name, s).map_err(|e| {
                if super::limits::TABLE.iter().any(|d| d.name.as_bytes() == name) {
                    wrong_type(name, "string")
                } else {
                    e
                }
            })?,
            Some(Item::Boolean(_)) => return Err(wrong_type(name, "boolean")),
            Some(Item::Begin(_)) if name == b"files" && grants.is_some() => {
                while let Some(Item::String(at)) = reader.item() {
                    let Some(Item::String(value)) = reader.item() else { return Err(unknown(name)) };
                    if let (Some(grants), Some((&mode, path))) = (grants.as_deref_mut(), value.split_first())
                    {
                        grants.push(Granted { at: at.to_vec(), path: path.to_vec(), write: mode == b'w' });
                    }
                }
            }
            // Any other value is sent as a table that holds the name of its type.
            Some(Item::Begin(_)) => {
                let mut kind = "table".to_owned();
                loop {
                    match reader.item() {
                        Some(Item::String(s)) => kind = String::from_utf8_lossy(s).into_owned(),
                        Some(Item::End) | None => return Err(wrong_type(name, &kind)),
                        Some(_) => {}
                    }
                }
            }
            _ => return Err(unknown(name)),
        }
    }
}
