//! Deliberate faults for the tests that prove our tests can fail: behind the feature `planted-bugs`, one at a time.
//!
//! Not fault injection for applications (that is `disk::FaultyDisk`), and never compiled into a build that ships.

/// A deliberate fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A commit is acknowledged before the disk has confirmed it.
    AcknowledgeEarly,
    /// A log record is put at its position even if another one is there.
    SkipPositionCheck,
    /// An insert below the log's floor counts as a commit.
    SkipFloorCheck,
    /// After an interrupted commit nobody looks whether it happened; the jobs just run again.
    SkipOutcomeLookup,
    /// What a group staged stays in the memtable after its position was lost.
    KeepStagedWrites,
    /// A job that fails half-way leaves what it kept over its pauses.
    LeaveHalfJob,
    /// A write in slices goes on after a lost race as if what it had staged were still there.
    TrustLostSlices,
    /// Truncation deletes records that are not in tables yet.
    TruncateUnflushed,
    /// Tables are deleted with a record that may lie below the log's floor.
    DeleteUnproven,
    /// A flush lets go of entries that came after it began.
    DropUnflushed,
    /// Compaction forgets deletes that still cover older versions.
    ResurrectDeleted,
    /// An interactive transaction commits without looking whether what it read has changed.
    IgnoreReadSet,
    /// Checksums are not compared.
    DropChecksum,
    /// An empty disk is taken for a new database whatever the witness says.
    TrustEmptyDisk,
    /// An update leaves the index entry of the old value.
    ForgetIndexDelete,
    /// A unique index does not look for a holder of its key.
    SkipUniqueCheck,
    /// An index build that is resumed goes on some documents behind where it stopped.
    SkipBuildRows,
    /// Deleting a document leaves the collection's count alone.
    ForgetCount,
    /// Removing a document from a search index leaves its postings alive.
    ForgetPostingDelete,
    /// Removing a document from a search index leaves the counts alone.
    KeepSearchTotals,
    /// Merging search segments loses the second block of a term.
    MergeDropsBlock,
    /// A scan that lacked a block goes on behind the key its cursor happens to stand on.
    TrustPausedCursor,
    /// A live query does not hear of commits by other instances.
    IgnoreForeignCommits,
    /// A commit leaves the cache entries that were computed from what it changes.
    ForgetCacheInvalidation,
    /// Removing a cache entry leaves those that were computed from it.
    ForgetCacheChains,
    /// A cache entry computed from the first matches of a query does not notice when the last of them changes.
    NarrowCacheWindow,
    /// A message is published again although its id was seen.
    ForgetTopicIds,
    /// Delayed messages are published before they are due.
    ForgetDelay,
    /// A message that somebody holds is taken back before its time.
    TakeBackEarly,
    /// A message that was held too long is never handed out again.
    LoseExpired,
    /// What a member says of a message counts although another one has it.
    BelieveOldTokens,
    /// Messages of one key are handed out side by side.
    ForgetKeyOrder,
    /// A message that keeps failing is handed out for ever.
    DeliverForever,
    /// A message that failed too often is dropped without a dead letter.
    ForgetDeadLetter,
    /// The transaction of a handler commits without the acknowledgement.
    ForgetTransactionalAck,
    /// A commit on a followed collection publishes no change.
    ForgetChange,
    /// A new group gets the number of one that was dropped.
    ReuseGroupNumber,
    /// Dropping a topic leaves its messages.
    KeepDroppedTopic,
    /// An import of a topic begins its groups anew.
    ForgetGroupPosition,
    /// What a slice of a job came to is committed before the cursor behind it.
    CommitJobOutputApart,
    /// A slice of a job is taken from whoever brings it, whatever was committed since it was read.
    IgnoreJobCursor,
    /// A slice of a partition is taken from whoever brings it, whatever was committed of that partition since it was read.
    IgnorePartitionCursor,
    /// Keys are reduced as soon as one partition of a job was mapped.
    ReduceBeforeLastPartition,
    /// The old result of a job goes in one commit, and the new one comes in another.
    SwapJobInTwo,
    /// The sync server takes a mutation that comes again for a new one.
    SyncSkipDedupe,
    /// Neither end of sync compares hashes.
    SyncSkipHash,
    /// A sync client forgets what the server rejected.
    SyncLoseRejected,
    /// A page of a pull that was cut ends at the end of its span.
    SyncSkipCommit,
    /// The sync server lets a client go on from before the tombstones were purged.
    SyncResurrect,
    /// Neither end of sync looks at the epoch.
    SyncSkipEpoch,
    /// The sync server does not notice that a client may read less than before.
    SyncKeepRevoked,
    /// What a write did goes to the outbox in a commit of its own.
    SyncOutboxApart,
    /// An answer of the sync server is taken in one commit, and its documents are written in another.
    SyncAnswerApart,
    /// The server's document is not kept aside when a pending mutation changes it.
    SyncForgetShadow,
    /// An instance that syncs does not notice that another one took answers.
    SyncTrustMemory,
    /// What the sync server answered under a former name of a replica counts for what bears those numbers under the new one.
    SyncKeepAnswers,
    /// What is kept for a server that is restored is overwritten when the replica takes another name.
    SyncDropKept,
    /// A sync client sends as much again of what was too much.
    SyncNeverShrink,
    /// A sync client drops what it sent with a token that is refused.
    SyncDropOnAuth,
}

#[cfg(feature = "planted-bugs")]
mod active {
    use super::Bug;
    use std::cell::Cell;

    thread_local! {
        static ACTIVE: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Plants `bug` in this thread, or none.
    pub fn plant(bug: Option<Bug>) {
        ACTIVE.set(bug);
    }

    pub(super) fn is_active(bug: Bug) -> bool {
        ACTIVE.get() == Some(bug)
    }
}

#[cfg(feature = "planted-bugs")]
pub use active::plant;

/// Whether `bug` is planted. Constantly `false` without the feature.
#[inline]
pub fn planted(bug: Bug) -> bool {
    #[cfg(feature = "planted-bugs")]
    return active::is_active(bug);
    #[cfg(not(feature = "planted-bugs"))]
    {
        let _ = bug;
        false
    }
}
