//! Boxes and marks that the host's Lua has forgotten: its collector doesn't see what hangs on a handle.

use super::{with, Realm};
use crate::gate::level::Level;
use crate::lua::State;

/// Boxes that may be there without a look at whether the host's Lua still knows them: to its collector a handle is a few bytes.
pub(super) const CROWD: usize = 500;

/// Bare: collects the handles of boxes that this level has forgotten, if there are twice as many as were left the last time.
pub fn collect_forgotten(s: State, level: Level) {
    let count = || level.guarded(|| with(level, Realm::count)).unwrap_or(0);
    let crowd = level.guarded(|| with(level, |realm| realm.crowd.get())).unwrap_or(0);
    if count() <= crowd || !s.collector_runs() {
        return;
    }
    s.collect();
    let crowd = count().saturating_mul(2).max(CROWD);
    level.guarded(|| with(level, |realm| realm.crowd.set(crowd)));
}

/// Bytes that marks may take without a look at whether the host's Lua still knows them.
pub(super) const MARKED: usize = 64 << 20;

/// Bare: collects the marks that the host has forgotten, if they take twice as much as was left the last time: to its collector a mark is a
/// few bytes. A box pays for those that it makes.
pub fn collect_marks(s: State, level: Level) {
    let Level::Host(_) = level else { return };
    let marked = || with(level, |realm| realm.marked.get()).unwrap_or(0);
    let most = with(level, |realm| realm.most_marked.get()).unwrap_or(usize::MAX);
    if marked() <= most || !s.collector_runs() {
        return;
    }
    s.collect();
    let most = marked().saturating_mul(2).max(MARKED);
    with(level, |realm| realm.most_marked.set(most));
}
