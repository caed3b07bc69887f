//! A store of tables in memory, for the tests of everything that reads tables.

use std::rc::Rc;

use crate::base::{FastMap, Result};
use crate::disk::BlobName;

use super::access::{Pause, Step};
use super::blocks::{Blocks, Pins};
use super::cache::BlockCache;
use super::levels::Levels;
use super::table_builder::{TableBuilder, TableSizes};
use super::table_info::TableInfo;

/// A disk of table blobs, the levels over it, and a cache.
pub(crate) struct TestStore {
    pub(crate) blobs: FastMap<BlobName, Vec<u8>>,
    pub(crate) levels: Levels,
    pub(crate) cache: BlockCache,
    pub(crate) next_table: u64,
    pub(crate) rounds: usize,
}

impl TestStore {
    pub(crate) fn new(budget: usize) -> Self {
        Self {
            blobs: FastMap::default(),
            levels: Levels::default(),
            cache: BlockCache::new(budget),
            next_table: 1,
            rounds: 0,
        }
    }

    /// Writes entries, which must be in order, into tables of at most `cut` entries at `level`.
    pub(crate) fn write<'a>(
        &mut self,
        level: u32,
        cut: usize,
        entries: impl IntoIterator<Item = (&'a [u8], u64, Option<&'a [u8]>)>,
    ) -> Vec<TableInfo> {
        let mut tables = Vec::new();
        let mut builder: Option<(TableBuilder, usize)> = None;
        let mut last = Vec::new();
        for (key, position, value) in entries {
            if builder
                .as_ref()
                .is_some_and(|(builder, count)| last != key && (*count >= cut || builder.should_cut(key)))
            {
                tables.extend(builder.take().map(|(builder, _)| self.finish(builder)));
            }
            let (builder, count) = builder.get_or_insert_with(|| {
                self.next_table += 1;
                (TableBuilder::new(self.next_table - 1, TableSizes::default()), 0)
            });
            builder.add(key, position, value).unwrap();
            *count += 1;
            last = key.to_vec();
        }
        tables.extend(builder.map(|(builder, _)| self.finish(builder)));
        let added: Vec<_> = tables.iter().map(|table| (level, table.clone())).collect();
        self.levels = self.levels.replaced(&[], &added).unwrap();
        self.cache.set_data_bytes(self.levels.census.content);
        tables
    }

    fn finish(&mut self, builder: TableBuilder) -> TableInfo {
        let (info, parts) = builder.finish().unwrap();
        assert_eq!(info.names().collect::<Vec<_>>(), parts.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        self.blobs.extend(parts);
        info
    }

    /// Runs `read` until it has all it needs, as the asynchronous rim does.
    pub(crate) fn run<T>(&mut self, read: impl FnMut(&Levels, &Blocks<'_>) -> Step<T>) -> T {
        self.try_run(read).unwrap()
    }

    /// As `run`, for reads that may fail.
    pub(crate) fn try_run<T>(&mut self, mut read: impl FnMut(&Levels, &Blocks<'_>) -> Step<T>) -> Result<T> {
        let pins = Pins::new();
        for _ in 0..10_000 {
            self.rounds += 1;
            match read(&self.levels, &Blocks::new(&self.cache, &pins)) {
                Ok(value) => return Ok(value),
                Err(Pause::Missing(names)) => {
                    assert!(!names.is_empty(), "a pause names what it waits for");
                    pins.begin_round();
                    for name in *names {
                        let blob: Rc<[u8]> = self.blobs[&name].as_slice().into();
                        self.cache.insert(name, Rc::clone(&blob));
                        pins.insert(name, blob);
                    }
                }
                Err(Pause::Failed(error)) => return Err(error),
                Err(Pause::Yield) => {}
            }
        }
        panic!("the read never finishes");
    }
}
