//! What an instance of the engine can be told when it opens.

use super::commit::BREATH_BYTES;
use super::compaction_pick::CompactionOptions;
use super::table_builder::TableSizes;

/// Settings of one instance. Two instances of one database may differ.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// The database's name: it names the locks that instances share.
    pub name: String,
    /// Bytes of memory the engine may use for memtables, cached blocks and tables' indexes.
    pub memory_budget: usize,
    /// How large blocks and tables get.
    pub tables: TableSizes,
    /// When levels of tables are out of shape.
    pub compaction: CompactionOptions,
    /// Whether maintenance (flush, compaction, truncation) runs by itself. Tests turn it off to choose the moment.
    pub auto_maintenance: bool,
    /// Milliseconds without a commit after which a small memtable is flushed too, so that the next open is quick.
    pub idle_flush_ms: f64,
    /// Whether a database that the witness remembers but the disk does not may be created anew.
    pub accept_loss: bool,
    /// After so many bytes of documents a write of many gives the thread back.
    pub slice_bytes: usize,
}

impl EngineOptions {
    /// The defaults for a database called `name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            memory_budget: 64 << 20,
            tables: TableSizes::default(),
            compaction: CompactionOptions::default(),
            auto_maintenance: true,
            idle_flush_ms: 1000.0,
            accept_loss: false,
            slice_bytes: 2 * BREATH_BYTES,
        }
    }

    /// A memtable of this size is flushed. There may be two of them for a while.
    pub(crate) fn memtable_bytes(&self) -> usize {
        (self.memory_budget / 12).clamp(64 << 10, 8 << 20)
    }

    /// What is left for cached blocks and indexes, after two memtables and working room for records and compaction.
    pub(crate) fn cache_bytes(&self) -> usize {
        (self.memory_budget - self.memory_budget / 16).saturating_sub(2 * self.memtable_bytes()).max(256 << 10)
    }
}

/// What a resolved commit survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Durability {
    /// Nothing yet: validated and visible to this instance, written in the background with the next record.
    Memory,
    /// A killed tab, worker or browser. A power cut may lose the last moments.
    #[default]
    Relaxed,
    /// Also a power cut.
    Strict,
}

impl From<Durability> for crate::disk::Durability {
    fn from(durability: Durability) -> Self {
        match durability {
            Durability::Memory | Durability::Relaxed => Self::Relaxed,
            Durability::Strict => Self::Strict,
        }
    }
}
