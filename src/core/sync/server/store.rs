//! What the server's end needs of a store: a tenant's documents with their past, and its replicas.
//!
//! Not a database interface: only what `push`, `pull` and `compact` ask.

use super::super::cursor::Place;
use super::super::message::Outcome;
use crate::base::Result;
use crate::collections::Value;

/// Where a tenant is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// A random word that is made anew when the store is restored from a backup.
    pub epoch: Box<str>,
    /// The last version. Versions are dense: every push that changes something takes the next one.
    pub version: u64,
    /// Up to here tombstones and superseded images are forgotten.
    pub purged: u64,
    /// Up to here a backup holds everything.
    pub stable: u64,
}

/// How far versions jump when a store is restored.
const ERA: u64 = 1 << 32;

impl Head {
    /// The head of a store that was restored from a backup: another epoch, and versions that nobody was ever told. So a
    /// client's `if_version` from the lost time can never be mistaken for a version of the new one.
    #[must_use]
    pub fn renewed(&self, epoch: &str) -> Self {
        Self { epoch: epoch.into(), version: self.version.saturating_add(ERA), ..self.clone() }
    }
}

/// A replica as the server knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// The user it belongs to.
    pub user: Box<str>,
    /// Its last mutation that was handled.
    pub seq: u64,
    /// That mutation's hash.
    pub hash: u64,
}

/// A mutation that was handled, so that it is answered the same when it comes again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number within the replica.
    pub seq: u64,
    /// Its hash.
    pub hash: u64,
    /// Its own name.
    pub id: Box<str>,
    /// The tenant's version when it was handled.
    pub at: u64,
    /// What became of it.
    pub outcome: Outcome,
}

/// The content of a document from a version on.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// That version.
    pub version: u64,
    /// The replica that wrote it.
    pub by: Box<str>,
    /// The last version that another replica wrote; 0 for none.
    pub since: u64,
    /// The document; `None` from its removal on.
    pub document: Option<Value>,
}

/// A span of versions and where to go on in it.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// Images after this version …
    pub from: u64,
    /// … up to this one, that were current at this one.
    pub to: u64,
    /// Behind this place.
    pub after: Option<&'a Place>,
}

impl Span<'_> {
    /// The place behind which it goes on: its version, collection and id. A walk that began at the first version of all, and
    /// passed over what is before `from`, would take longer with every version.
    pub fn behind(&self) -> (u64, &str, &str) {
        self.after.map_or((self.from.saturating_add(1), "", ""), |(version, collection, id)| (*version, collection, id))
    }
}

/// Everything a push changes: all of it or nothing.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The tenant's version afterwards.
    pub version: u64,
    /// New images, at that version.
    pub images: Vec<(Box<str>, Box<str>, Image)>,
    /// The replica's name.
    pub replica: Box<str>,
    /// The replica afterwards.
    pub state: Replica,
    /// What became of its mutations.
    pub records: Vec<Record>,
}

/// A tenant's store.
pub trait ServerStore {
    /// Where the tenant is.
    fn head(&self) -> Result<Head>;
    /// What is known of a replica.
    fn replica(&self, replica: &str) -> Result<Option<Replica>>;
    /// The record of a replica's mutation.
    fn record(&self, replica: &str, seq: u64) -> Result<Option<Record>>;
    /// The record of a user's mutation by its own name, under whatever replica.
    fn record_named(&self, user: &str, id: &str) -> Result<Option<Record>>;
    /// The last record of a replica that was handled at or before a version: its number and hash.
    fn included(&self, replica: &str, version: u64) -> Result<Option<(u64, u64)>>;
    /// The current image of a document.
    fn image(&self, collection: &str, id: &str) -> Result<Option<Image>>;
    /// The image of a document that was current at a version.
    fn image_at(&self, collection: &str, id: &str, version: u64) -> Result<Option<Image>>;
    /// Shows the images of a span in the order of version, collection and id, until `show` answers `false`.
    fn images(&self, span: Span<'_>, show: &mut dyn FnMut(&str, &str, Image) -> Result<bool>) -> Result<()>;
    /// Writes a commit, atomically.
    fn commit(&mut self, commit: Commit) -> Result<()>;
    /// Forgets superseded images and tombstones up to a version, and notes it in the head.
    fn purge(&mut self, before: u64) -> Result<()>;
}
