//! What an instance counts about itself.

use super::cache::CacheStats;
use super::engine::Engine;

/// Counters since the instance opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineStats {
    /// Positions lost to another instance.
    pub lost_races: u64,
    /// Times the instance fell behind the log's floor and started over.
    pub reloads: u64,
    /// Blobs read from disk for queries.
    pub blobs_read: u64,
    /// Memtables written into tables.
    pub flushes: u64,
    /// Compactions finished, moves included.
    pub compactions: u64,
    /// Bytes written into tables.
    pub table_bytes_written: u64,
}

/// The shape of one level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LevelStats {
    /// Tables.
    pub tables: u64,
    /// Bytes as stored.
    pub stored_bytes: u64,
    /// Bytes before compression.
    pub raw_bytes: u64,
    /// Entries, old versions and deletes included.
    pub entries: u64,
}

/// A look at an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineReport {
    /// The newest visible position.
    pub position: u64,
    /// Records below this position are gone from the log.
    pub floor: u64,
    /// Everything up to this position is in tables.
    pub flushed: u64,
    /// Bytes of records not in tables yet.
    pub log_bytes: u64,
    /// Bytes in memtables.
    pub memtable_bytes: u64,
    /// Obsolete tables waiting for readers to move on.
    pub obsolete_tables: u64,
    /// Each level.
    pub levels: Vec<LevelStats>,
    /// Counters.
    pub counters: EngineStats,
}

impl Engine {
    /// The block cache's counts and sizes.
    pub fn cache_stats(&self) -> CacheStats {
        self.0.cache.stats()
    }

    /// The memory budget in bytes.
    pub fn memory_budget(&self) -> usize {
        self.0.options.memory_budget
    }

    /// After so many bytes of documents a write of many gives the thread back.
    pub fn slice_bytes(&self) -> usize {
        self.0.options.slice_bytes
    }

    /// Lets somebody else have that much of the memory for cached blocks. What was given before comes back.
    pub fn set_aside(&self, bytes: usize) {
        self.0.cache.set_budget(self.0.options.cache_bytes().saturating_sub(bytes));
    }

    /// Counts what there is.
    pub fn report(&self) -> EngineReport {
        let inner = &self.0;
        let state = inner.state.borrow();
        let mut levels: Vec<LevelStats> = Vec::new();
        for (level, table) in state.manifest.levels.tables() {
            let level = level as usize;
            if levels.len() <= level {
                levels.resize(level + 1, LevelStats::default());
            }
            if let Some(stats) = levels.get_mut(level) {
                stats.tables += 1;
                stats.stored_bytes += table.stored_bytes;
                stats.raw_bytes += table.raw_bytes;
                stats.entries += table.entries;
            }
        }
        EngineReport {
            position: state.head,
            floor: state.floor,
            flushed: state.manifest.flushed,
            log_bytes: state.log_bytes,
            memtable_bytes: state.memtable_bytes() as u64,
            obsolete_tables: state.manifest.obsolete.len() as u64,
            levels,
            counters: *inner.stats.borrow(),
        }
    }
}
