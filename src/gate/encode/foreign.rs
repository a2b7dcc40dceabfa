//! What crosses by number, or not at all.

use std::ffi::CStr;
use std::os::raw::c_int;

use super::super::ledger::Way;
use super::super::link::Link;
use super::super::parcel::tag;
use super::super::path;
use super::super::proxy;
use super::super::streams::{self, Refusal};
use super::open::phases;
use super::{Walk, PUT_OFF};
use crate::lua::Kind;

impl Walk {
    /// Writes the value on top, a function or what may be a stream. Leaves it there.
    pub(super) fn foreign(&mut self, kind: Kind, flag: u8, base: c_int, number: c_int) {
        let s = self.state;
        self.names.forget();
        match kind {
            Kind::Function => {
                let (tag, n) = self.link.send_function(s, -1);
                if tag == tag::EXPORT {
                    self.note_sent(n, proxy::FUNCTION);
                }
                self.put_word(tag | flag, n);
            }
            Kind::Userdata => match self.link.send_stream(s, self.level, -1) {
                Ok((tag, word)) => {
                    if tag == tag::STREAM {
                        self.note_sent(streams::number_of(word), streams::FILE);
                    }
                    self.put_word(tag | flag, word);
                }
                Err(Refusal::Closed) => self.refuse(base, number, c": a closed file cannot cross"),
                Err(Refusal::NoStream) => self.refuse(base, number, c": a userdata cannot cross"),
            },
            Kind::LightUserdata => self.refuse(base, number, c": a userdata cannot cross"),
            Kind::Thread => self.refuse(base, number, c": a thread cannot cross"),
            _ => self.refuse(base, number, c": a cdata cannot cross"),
        }
    }

    /// Notes that what has been exported under `number` is on its way; the box pays what a host keeps for it.
    fn note_sent(&mut self, number: u64, weight: usize) {
        let (link, level) = (self.link, self.level);
        let noted = self.with_room(|e, side| {
            link.wall(level).is_some_and(|core| {
                let (way, above) =
                    if link == Link::Owner { (Way::Down, core.parent.is_none()) } else { (Way::Up, false) };
                e.transit(side).send(&core, way, number, if above { weight } else { 0 }).is_ok()
            })
        });
        if !noted {
            self.link.release(self.state, self.level, number, 1);
            self.state.no_memory();
        }
    }

    /// Pushes `argument 1`, and the way from there to what is at hand.
    fn push_path(&self, base: c_int, number: c_int) {
        let s = self.state;
        // Of one that was put off, the way to itself is not known any more.
        let put_off = number >= PUT_OFF;
        let shown = if put_off { number - PUT_OFF } else { number };
        path::push_name(s, self.what, shown);
        if put_off {
            s.push_cstr(c"...");
            s.concat(2);
        }
        path::append_steps(s, base, phases(self.level.frames(self.exchange)));
    }

    /// Raises the error that names where the value on top sits: `argument 1.users[3]: a thread cannot cross`.
    fn refuse(&self, base: c_int, number: c_int, why: &'static CStr) -> ! {
        let s = self.state;
        s.check_stack(12, c"path");
        s.push_where(1);
        self.push_path(base, number);
        s.push_cstr(why);
        s.concat(3);
        s.error()
    }
}
