//! A tenant in memory, for tests, simulations and demonstrations. Cloning it is a backup.
//!
//! Not for a server: every question is a walk.

use std::collections::BTreeMap;

use super::super::cursor::Place;
use super::store::{Commit, Head, Image, Record, Replica, ServerStore, Span};
use crate::base::Result;

/// A tenant in memory.
#[derive(Clone, Debug)]
pub struct MemoryTenant {
    head: Head,
    replicas: BTreeMap<Box<str>, Replica>,
    records: BTreeMap<(Box<str>, u64), Record>,
    /// By collection and id, the images from old to new.
    images: BTreeMap<(Box<str>, Box<str>), Vec<Image>>,
}

impl MemoryTenant {
    /// An empty tenant.
    pub fn new(epoch: &str) -> Self {
        let head = Head { epoch: epoch.into(), version: 0, purged: 0, stable: 0 };
        Self { head, replicas: BTreeMap::new(), records: BTreeMap::new(), images: BTreeMap::new() }
    }

    /// Another epoch, as a restore makes it.
    pub fn renew(&mut self, epoch: &str) {
        self.head = self.head.renewed(epoch);
    }

    /// Notes that a backup holds everything up to now.
    pub fn set_stable(&mut self, version: u64) {
        self.head.stable = version;
    }

    /// All documents as they are.
    pub fn documents(&self) -> impl Iterator<Item = (&(Box<str>, Box<str>), &Image)> {
        self.images.iter().filter_map(|(key, images)| Some((key, images.last()?)))
    }
}

impl ServerStore for MemoryTenant {
    fn head(&self) -> Result<Head> {
        Ok(self.head.clone())
    }

    fn replica(&self, replica: &str) -> Result<Option<Replica>> {
        Ok(self.replicas.get(replica).cloned())
    }

    fn record(&self, replica: &str, seq: u64) -> Result<Option<Record>> {
        Ok(self.records.get(&(replica.into(), seq)).cloned())
    }

    fn record_named(&self, user: &str, id: &str) -> Result<Option<Record>> {
        let owned = |replica: &str| self.replicas.get(replica).is_some_and(|state| &*state.user == user);
        let mut found = self.records.iter().filter(|((replica, _), record)| &*record.id == id && owned(replica));
        Ok(found.next().map(|(_, record)| record.clone()))
    }

    fn included(&self, replica: &str, version: u64) -> Result<Option<(u64, u64)>> {
        let mut own = self.records.range((replica.into(), 0)..=(replica.into(), u64::MAX));
        Ok(own.rfind(|(_, record)| record.at <= version).map(|(_, record)| (record.seq, record.hash)))
    }

    fn image(&self, collection: &str, id: &str) -> Result<Option<Image>> {
        Ok(self.images.get(&(collection.into(), id.into())).and_then(|images| images.last()).cloned())
    }

    fn image_at(&self, collection: &str, id: &str, version: u64) -> Result<Option<Image>> {
        let images = self.images.get(&(collection.into(), id.into()));
        Ok(images.and_then(|images| images.iter().rev().find(|image| image.version <= version)).cloned())
    }

    fn images(&self, span: Span<'_>, show: &mut dyn FnMut(&str, &str, Image) -> Result<bool>) -> Result<()> {
        let mut found: BTreeMap<Place, Image> = BTreeMap::new();
        for ((collection, id), images) in &self.images {
            let current = images.iter().rev().find(|image| image.version <= span.to);
            if let Some(image) = current.filter(|image| image.version > span.from) {
                found.insert((image.version, collection.clone(), id.clone()), image.clone());
            }
        }
        for (place, image) in found {
            if span.after.is_some_and(|after| place <= *after) {
                continue;
            }
            if !show(&place.1, &place.2, image)? {
                break;
            }
        }
        Ok(())
    }

    fn commit(&mut self, commit: Commit) -> Result<()> {
        for (collection, id, image) in commit.images {
            self.images.entry((collection, id)).or_default().push(image);
        }
        for record in commit.records {
            self.records.insert((commit.replica.clone(), record.seq), record);
        }
        self.replicas.insert(commit.replica, commit.state);
        self.head.version = commit.version;
        Ok(())
    }

    fn purge(&mut self, before: u64) -> Result<()> {
        self.images.retain(|_, images| {
            let current = images.iter().rposition(|image| image.version <= before).unwrap_or(0);
            images.drain(..current);
            if images.first().is_some_and(|image| image.version <= before && image.document.is_none()) {
                images.remove(0);
            }
            !images.is_empty()
        });
        self.head.purged = before;
        Ok(())
    }
}
