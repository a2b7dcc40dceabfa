//! All that one level can ask of the level above it. Nothing else crosses; the data of a request lies in an exchange as a parcel.

use super::grants::Mode;

/// Names a box in its realm: an index and a generation, never a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id(pub u64);

impl Id {
    pub const NONE: Id = Id(0);
}

/// The three streams of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    In,
    Out,
    Err,
}

impl Stream {
    pub fn index(self) -> usize {
        match self {
            Stream::In => 0,
            Stream::Out => 1,
            Stream::Err => 2,
        }
    }
}

/// What to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A line; with its end of line or without.
    Line {
        keep: bool,
    },
    All,
    Number,
    /// So many bytes; 0 asks whether the end has been reached.
    Count(usize),
    /// Whatever comes next, at least one byte: what a reader of a stream asks for.
    Piece,
}

/// What to do with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamOp {
    Read(Format),
    /// The bytes are the parcel's one string.
    Write,
    /// A write of a box below, passed on: it has been counted as this box's output already.
    Forward,
    Flush,
    /// 0 set, 1 cur, 2 end.
    Seek {
        whence: u8,
        offset: i64,
    },
}

/// What to do with a file that the box has open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileOp {
    /// A piece of at most so many bytes. The position is the box's own, so that what it has asked for in vain it can ask for again.
    Read {
        at: u64,
        most: usize,
    },
    /// The bytes are the parcel's one string, to be written there, or where the last were written. They are charged as output, unless they
    /// come from a box below, which has been charged.
    Write {
        charge: bool,
        at: Option<u64>,
    },
    /// Where the last bytes were written.
    Tell,
    Length,
    Close,
}

/// What a call into a box is to do there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Make the state and open the libraries.
    Open,
    /// Test the state that was made of an image.
    Check,
    /// Put keys in their places that have moved: in a box that was brought back in another process.
    Rehash,
    /// Compile and run: parcel of code, chunk name, arguments.
    Code,
    /// Compile: parcel of code, chunk name.
    Load,
    /// Parcel of a name.
    Get,
    /// Parcel of a name and a value.
    Set,
    /// Call the function that the box has exported under this number.
    Function(u64),
    /// Call that of the run's number with the realm's scalars: see [`super::short`].
    Short,
    /// Do this with the stream that the box has exported under that number: parcel of the bytes to write, if any.
    Stream { number: u64, op: StreamOp },
    /// Make the library available inside.
    OpenLibrary,
    /// Parcel of a table: what `require` gives, by name. Part of making a box, no call of its own.
    Modules,
    /// Make the state one whose like can be had in another process: a recording is to begin.
    Steady,
    /// After a stop: read the traceback of the thread left behind and see that the heap can go on.
    Autopsy,
    /// Close the state as a host would that has no slot to drop: finalizers run, and every block is freed.
    #[cfg(test)]
    Shut,
}

impl Entry {
    /// Whether this is a call of the host's; making the box is none.
    pub fn is_call(self) -> bool {
        !self.is_opening() && !matches!(self, Entry::Modules | Entry::Steady)
    }

    /// Whether the box has no state to go on with if this fails.
    pub fn is_opening(self) -> bool {
        #[cfg(test)]
        if self == Entry::Shut {
            return true;
        }
        matches!(self, Entry::Open | Entry::Check | Entry::Rehash)
    }
}

/// What a level asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    // of boxes below
    /// Parcel of the options.
    New,
    Run {
        id: Id,
        entry: Entry,
    },
    Close {
        id: Id,
    },
    Status {
        id: Id,
    },
    Usage {
        id: Id,
    },
    /// Parcel of the limits to set, or of nothing.
    Limits {
        id: Id,
    },
    Traceback {
        id: Id,
    },
    /// Gives the number of a mark.
    Checkpoint {
        id: Id,
    },
    /// Parcel of that number, and of number and count of all that this level has of the box.
    Rollback {
        id: Id,
    },
    /// Parcel of the options. Gives the number of a box.
    Clone {
        id: Id,
    },
    /// Parcel of a key or false, and of notes. Gives an image.
    Save {
        id: Id,
    },
    /// Parcel of an image, a key or false, and options. Gives the number of a box, whether [`Entry::Rehash`] is to run there, and the notes.
    Restore,
    /// The stream is now one of this level's own, or nothing.
    Bind {
        id: Id,
        stream: Stream,
        bound: Bound,
    },
    /// Whether the level keeps an environment (a table or a function) for the box.
    Environment {
        id: Id,
        set: bool,
    },

    // of the owner
    Stream {
        stream: Stream,
        op: StreamOp,
    },
    /// The same, with a stream that the owner has exported under that number.
    Given {
        number: u64,
        op: StreamOp,
    },
    /// Parcel of the name.
    Getenv,
    /// Parcel of arguments, for the function that the owner has exported under this number.
    Call {
        function: u64,
    },
    /// Parcel of a module's name, and of the name that its file has inside: the source in the file that the owner granted.
    Module,
    /// The box's CPU time.
    Clock,
    /// Seconds since the epoch.
    Time,
    /// Parcel of a file's name: the source in it, for the box to run.
    ReadFile {
        id: Id,
    },

    // of the files granted to the box
    /// Parcel of the name.
    OpenFile {
        mode: Mode,
    },
    File {
        number: u64,
        op: FileOp,
    },
    /// Parcel of a file's name: the source in it, for the box itself.
    Source,
    /// Parcel of a file's name: whether the box can read it.
    Readable,
}

/// What a level binds to a stream of a box below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    Nothing,
    /// A stock file handle of the host: address of its userdata, kept alive by the box's handle.
    File(usize),
    /// An object of this level that the level itself operates.
    Object,
}

/// How a request came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Values lie in the exchange.
    Values,
    /// The error value lies in the exchange; it is raised as it is.
    Error,
    /// The text of a misuse of argument `.0` lies in the exchange.
    Misuse(u8),
    /// There was no memory to say more.
    NoMemory,
}
