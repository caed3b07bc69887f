//! Names of blobs, ranges of them, and the batch that changes them.

/// The areas of a disk. Blobs of different areas never share a name; their order is that of the enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Area {
    /// A handful of fixed blobs: the log's floor, the manifest snapshot, the identity.
    Meta = 0,
    /// Log records, one for each commit position.
    Log = 1,
    /// Parts of immutable tables: `id` is the table, `part` its block.
    Table = 2,
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
    /// Whether `name` lies in the range.
    pub fn contains(&self, name: &BlobName) -> bool {
        name.area == self.area && self.first <= name.id && name.id <= self.last
    }
}

/// What one atomic commit does. Deletes are applied first, then puts, then inserts; reads look at the result.
/// A batch never names a blob twice among its puts and inserts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Ranges to delete; blobs that do not exist are fine.
    pub deletes: Vec<BlobRange>,
    /// Blobs to write, replacing what was there.
    pub puts: Vec<(BlobName, Vec<u8>)>,
    /// Blobs to write that must not exist yet (after the batch's own deletes).
    pub inserts: Vec<(BlobName, Vec<u8>)>,
    /// Blobs to read in the same step.
    pub reads: Vec<BlobName>,
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
