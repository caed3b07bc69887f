//! Cutting off the log below what tables hold, and deleting tables that nobody can need.
//!
//! Cutting off is one commit. Deleting tables comes after a commit that was won: only then is it certain that the instance has seen
//! everything there is. With the record itself it would come too early: where others cut the log meanwhile, the record of an instance
//! that missed it is written below the floor, with all of its batch, and found to be lost afterwards.

use std::rc::Rc;

use crate::base::planted::{planted, Bug};
use crate::base::Result;
use crate::disk::{Area, Batch, BlobName, BlobRange};

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
        let seen = Garbage { forget, release };
        // Nor can a commit of a dead instance arrive any more once its next position is taken.
        let proof = engine.commit_staged(Durability::Relaxed, true, move |staged| Ok(stage_proof(staged, &seen)));
        let garbage = proof.await?.value;
        let ids = garbage.forget.iter().chain(&garbage.release);
        let deletes: Vec<_> = ids.map(|id| BlobRange::one(Area::Table, *id)).collect();
        if deletes.is_empty() {
            return Ok(());
        }
        // Whoever dies before the second commit leaves ids that are known still: their blobs are deleted again.
        self.write_tables(&Batch { deletes, ..Batch::default() }).await?;
        let forgetting = engine.commit_staged(Durability::Relaxed, true, move |staged| {
            stage_forgetting(staged, &garbage);
            Ok(())
        });
        forgetting.await.map(drop)
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

/// Tables that nobody can need.
struct Garbage {
    /// Obsolete ones.
    forget: Vec<u64>,
    /// Ids of instances that are no more.
    release: Vec<u64>,
}

/// Stages a record that says nothing, and answers what of the garbage there is by the state that it proves.
fn stage_proof(staged: &mut Staged<'_>, seen: &Garbage) -> Garbage {
    let Manifest { obsolete, reserved, .. } = staged.manifest;
    let is_another = |id: &u64| reserved.get(id).is_some_and(|writer| *writer != staged.writer);
    let forget: Vec<u64> = seen.forget.iter().copied().filter(|id| obsolete.contains_key(id)).collect();
    let release: Vec<u64> = seen.release.iter().copied().filter(is_another).collect();
    if planted(Bug::DeleteUnproven) {
        let ids = forget.iter().chain(&release);
        staged.stage.batch.deletes.extend(ids.map(|id| BlobRange::one(Area::Table, *id)));
    }
    if !(forget.is_empty() && release.is_empty()) {
        staged.edit(&Edit::Release { tables: Vec::new() });
    }
    Garbage { forget, release }
}

fn stage_forgetting(staged: &mut Staged<'_>, Garbage { forget, release }: &Garbage) {
    if !forget.is_empty() {
        staged.edit(&Edit::Forget { tables: forget.clone() });
    }
    if !release.is_empty() {
        staged.edit(&Edit::Release { tables: release.clone() });
    }
}
