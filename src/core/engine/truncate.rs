//! Cutting off the log below what tables hold, and deleting tables that nobody can need.
//!
//! Both are commits: the conditional insert proves that the instance has seen everything there is before it deletes.

use std::rc::Rc;

use crate::base::planted::{planted, Bug};
use crate::base::Result;
use crate::disk::{Area, BlobName, BlobRange};

use super::engine::Inner;
use super::floor::Floor;
use super::manifest::{Edit, Manifest};
use super::options::Durability;
use super::staged::Staged;

/// Without locks that name versions in use, an obsolete table is kept this long.
const GRACE_MS: f64 = 60_000.0;

impl Inner {
    /// Writes a manifest snapshot and a new floor, and deletes the records below it, in one commit.
    pub(crate) async fn truncate(self: &Rc<Self>, durability: Durability) -> Result<()> {
        let engine = super::Engine(Rc::clone(self));
        {
            let state = self.state.borrow();
            if state.manifest.flushed <= state.floor {
                return Ok(());
            }
        }
        // Relaxed is enough for safety: a disk keeps commits in order, so if this one survives a power cut, the flush did.
        let cut = engine.commit_staged(durability, true, |staged| Ok(stage_truncation(staged))).await?;
        let mut state = self.state.borrow_mut();
        state.floor = state.floor.max(cut.value);
        Ok(())
    }

    /// Deletes obsolete tables that no instance reads, and blobs that dead instances left behind.
    pub(crate) async fn collect(self: &Rc<Self>) -> Result<()> {
        let forget = self.forgettable().await;
        let release = self.orphans().await;
        if forget.is_empty() && release.is_empty() {
            return Ok(());
        }
        let engine = super::Engine(Rc::clone(self));
        engine
            .commit_staged(Durability::Relaxed, true, move |staged| {
                stage_deletion(staged, &forget, &release);
                Ok(())
            })
            .await
            .map(drop)
    }

    /// Obsolete tables that no version in use names.
    async fn forgettable(&self) -> Vec<u64> {
        let obsolete = self.state.borrow().manifest.obsolete.clone();
        if obsolete.is_empty() {
            return Vec::new();
        }
        let prefix = self.version_lock_prefix();
        let own = self.versions.oldest();
        match self.platform.held_locks(&prefix).await {
            Some(names) => {
                let others =
                    names.iter().filter_map(|name| name.strip_prefix(&prefix)?.split('/').next()?.parse().ok());
                let oldest = others.chain(own).min().unwrap_or(u64::MAX);
                obsolete.into_iter().filter(|(_, since)| *since <= oldest).map(|(id, _)| id).collect()
            }
            None => {
                let oldest = own.unwrap_or(u64::MAX);
                let now = self.platform.monotonic_ms();
                let mut seen = self.maintenance.seen_obsolete.borrow_mut();
                seen.retain(|id, _| obsolete.contains_key(id));
                let mut aged = |id: u64| now - *seen.or_insert_with(id, || now) >= GRACE_MS;
                obsolete.into_iter().filter(|(id, since)| aged(*id) && *since <= oldest).map(|(id, _)| id).collect()
            }
        }
    }

    /// Ids reserved by instances that are no more.
    async fn orphans(&self) -> Vec<u64> {
        let (reserved, me) = {
            let state = self.state.borrow();
            (state.manifest.reserved.clone(), state.writer)
        };
        if reserved.values().all(|writer| *writer == me) {
            return Vec::new();
        }
        let prefix = format!("tidewell/{}/writer/", self.options.name);
        // Without locks nobody can be told dead; the ids stay reserved.
        let Some(alive) = self.platform.held_locks(&prefix).await else { return Vec::new() };
        let is_alive = |writer: u64| writer == me || alive.contains(&self.writer_lock_name(writer));
        reserved.into_iter().filter(|(_, writer)| !is_alive(*writer)).map(|(id, _)| id).collect()
    }
}

fn stage_truncation(staged: &mut Staged<'_>) -> u64 {
    let position = staged.position();
    let flushed = if planted(Bug::TruncateUnflushed) { position - 1 } else { staged.manifest.flushed };
    let manifest = Manifest { edited: position, ..staged.manifest.clone() };
    let floor = Floor { store: staged.store, position: flushed };
    staged.edit(&Edit::Truncate);
    let batch = &mut staged.stage.batch;
    batch.puts.push((BlobName::manifest(position), manifest.encode(staged.store)));
    batch.puts.push((BlobName::floor(position), floor.encode()));
    batch.deletes.push(BlobRange { area: Area::Log, first: 0, last: flushed });
    for area in [Area::Manifest, Area::Floor] {
        batch.deletes.push(BlobRange { area, first: 0, last: position - 1 });
    }
    flushed
}

fn stage_deletion(staged: &mut Staged<'_>, forget: &[u64], release: &[u64]) {
    let obsolete = &staged.manifest.obsolete;
    let forget: Vec<u64> = forget.iter().copied().filter(|id| obsolete.contains_key(id)).collect();
    let (reserved, me) = (&staged.manifest.reserved, staged.writer);
    let release: Vec<u64> =
        release.iter().copied().filter(|id| reserved.get(id).is_some_and(|writer| *writer != me)).collect();
    staged.stage.batch.deletes.extend(forget.iter().chain(&release).map(|id| BlobRange::one(Area::Table, *id)));
    if !forget.is_empty() {
        staged.edit(&Edit::Forget { tables: forget });
    }
    if !release.is_empty() {
        staged.edit(&Edit::Release { tables: release });
    }
}
