//! What is ours in a state's registry.

use std::os::raw::c_void;
use std::sync::atomic::AtomicU8;

use mlua::ffi::lua_getallocf;

use super::State;

/// A key of ours in the registry: `static METATABLE: Key = Key::new();`. What tells keys apart is where they lie, so each is a `static`, never a
/// `const` or a local. Pushing what lies under a key allocates nothing.
///
/// # Safety
/// A place is a key's own for good: a `static` of a byte shares its place with nothing, is never moved or freed, and since the byte might be
/// changed, no reference to a constant can stand for one.
pub struct Key(#[allow(dead_code)] AtomicU8); // Nobody reads the byte.

/// The others are told in a box by how far they lie from it.
static ORIGIN: Key = Key::new();

impl Key {
    #[allow(clippy::new_without_default)] // A default would be no `static`.
    pub const fn new() -> Key {
        Key(AtomicU8::new(0))
    }

    /// What stands for it in the registry of a host's state: another copy of this library may have that state, too.
    pub fn address(&'static self) -> *const c_void {
        (&raw const *self).cast()
    }

    /// What stands for it in the registry of a box: the same in every process, wherever the library lies, so that a heap that another process
    /// takes up finds its keys again.
    fn distance(&'static self) -> *const c_void {
        let offset = (self.address() as usize).wrapping_sub(ORIGIN.address() as usize) as u32;
        (offset as usize | 1 << 32) as *const c_void
    }
}

impl State {
    fn push_key(self, key: &'static Key) {
        let mut data = std::ptr::null_mut();
        let allocator = api! { lua_getallocf(self.0, &mut data) } as *const c_void;
        let in_box = std::ptr::eq(allocator, crate::engine::heap::allocate as *const c_void);
        let light = if in_box { key.distance() } else { key.address() };
        self.push_light(light.cast_mut());
    }

    /// Pushes what the registry has under the key.
    pub fn registry_get(self, key: &'static Key) {
        self.push_key(key);
        self.raw_get(Self::REGISTRY);
    }

    /// Pops a value into the registry.
    pub fn registry_set(self, key: &'static Key) {
        self.push_key(key);
        self.insert(-2);
        self.raw_set(Self::REGISTRY);
    }
}
