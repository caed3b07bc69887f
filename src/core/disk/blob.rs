//! Names of blobs, ranges of them, and the batch that changes them.

/// The areas of a disk. Blobs of different areas never share a name; their order is that of the enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Area {
    /// A handful of fixed blobs.
    Meta = 0,
    /// Log records, one for each commit position.
    Log = 1,
    /// Parts of immutable tables: `id` is the table, `part` its block.
    Table = 2,
    /// Tiny blobs that tell where the log begins: `id` is the position of the record that truncated it.
    Floor = 3,
    /// Snapshots of the manifest: `id` is the position of the record that wrote it.
    Manifest = 4,
}

/// The name of a blob. Ordered by area, id, part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobName {
    /// The area.
    pub area: Area,
    /// A meta number, a log position, or a table's id. Below 2^33 in [`Area::Table`], below 2^53 elsewhere.
    pub id: u64,
    /// A block's number inside a table, below 2^20; 0 elsewhere.
    pub part: u32,
}

impl BlobName {
    /// The meta blob with that number.
    pub const fn meta(id: u64) -> Self {
        Self { area: Area::Meta, id, part: 0 }
    }
    /// The log record at that position.
    pub const fn log(position: u64) -> Self {
        Self { area: Area::Log, id: position, part: 0 }
    }
    /// The floor written by the record at that position.
    pub const fn floor(position: u64) -> Self {
        Self { area: Area::Floor, id: position, part: 0 }
    }
    /// The manifest snapshot written by the record at that position.
    pub const fn manifest(position: u64) -> Self {
        Self { area: Area::Manifest, id: position, part: 0 }
    }
    /// A part of a table.
    pub const fn table(id: u64, part: u32) -> Self {
        Self { area: Area::Table, id, part }
    }
}

/// All blobs of one area whose ids are in `first..=last`, every part of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobRange {
    /// The area.
    pub area: Area,
    /// The first id.
    pub first: u64,
    /// The last id, inclusive.
    pub last: u64,
}

impl BlobRange {
    /// Every blob of `area`.
    pub const fn all(area: Area) -> Self {
        Self { area, first: 0, last: (1 << 53) - 1 }
    }
    /// The blobs of `area` with this one id.
    pub const fn one(area: Area, id: u64) -> Self {
        Self { area, first: id, last: id }
    }
    /// The range as names, for maps sorted by name; empty if it is upside down. (No blob has the last part's number,
    /// so leaving that one out loses nothing.)
    pub fn names(&self) -> std::ops::Range<BlobName> {
        let first = BlobName { area: self.area, id: self.first, part: 0 };
        let last = BlobName { area: self.area, id: self.last, part: u32::MAX };
        first..last.max(first)
    }
    /// Whether `name` lies in the range.
    pub fn contains(&self, name: &BlobName) -> bool {
        name.area == self.area && self.first <= name.id && name.id <= self.last
    }
}

/// What one atomic commit does. Deletes are applied first, then puts, then inserts; reads look at the result.
/// A batch never names a blob twice among its puts and inserts. Every area but `Table` lives beside the log, so that a
/// commit without tables never waits for block reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Ranges to delete; blobs that do not exist are fine.
    pub deletes: Vec<BlobRange>,
    /// Blobs to write, replacing what was there.
    pub puts: Vec<(BlobName, Vec<u8>)>,
    /// Blobs to write that must not exist yet (after the batch's own deletes).
    pub inserts: Vec<(BlobName, Vec<u8>)>,
    /// Ranges of (few, tiny) blobs to read in the same step.
    pub reads: Vec<BlobRange>,
}

/// What an acknowledged commit survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Durability {
    /// A killed tab, worker or browser; a power cut may lose the last moments. IndexedDB `relaxed`.
    #[default]
    Relaxed,
    /// Also a power cut, as far as the device keeps its promises. IndexedDB `strict`.
    Strict,
}
