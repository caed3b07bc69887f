//! The journal keeps a disk's promises, through torn ends, damage, compaction and killed processes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;

use tempfile::TempDir;
use tidewell_core::disk::conformance::{check_all, run, Opener};
use tidewell_core::disk::{Area, Batch, BlobName, BlobRange, Disk, DiskError, Durability, LocalFuture, NamedBlobs};

use super::journal::Journal;
use super::FileDisk;

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn put(id: u64, len: usize) -> Batch {
    Batch { puts: vec![(BlobName::log(id), vec![id as u8; len])], ..Batch::default() }
}

fn commit(disk: &FileDisk, batch: Batch, durability: Durability) {
    run(disk.commit(batch, durability)).unwrap();
}

fn blobs(directory: &Path) -> Result<NamedBlobs, DiskError> {
    run(FileDisk::open(directory)?.scan(BlobRange::all(Area::Log), 10_000))
}

fn ids(directory: &Path) -> Vec<u64> {
    blobs(directory).unwrap().into_iter().map(|(name, _)| name.id).collect()
}

fn journal_file(directory: &Path) -> PathBuf {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let journals: Vec<PathBuf> = entries.filter(|path| path.to_str().unwrap().contains("journal-")).collect();
    assert_eq!(journals.len(), 1, "{journals:?}");
    journals[0].clone()
}

#[test]
fn it_keeps_every_promise_of_a_disk() {
    struct Directories(TempDir);
    impl Opener for Directories {
        fn open<'a>(&'a self, storage: &'a str) -> LocalFuture<'a, Result<Rc<dyn Disk>, DiskError>> {
            let disk = FileDisk::open(&self.0.path().join(storage));
            Box::pin(async move { Ok(Rc::new(disk?) as Rc<dyn Disk>) })
        }
    }
    run(check_all(&Directories(directory()))).unwrap();
}

#[test]
fn a_journal_cut_anywhere_opens_with_the_whole_commits_before_the_cut() {
    let home = directory();
    let disk = FileDisk::open(home.path()).unwrap();
    let mut ends = vec![fs::metadata(journal_file(home.path())).unwrap().len()];
    for id in 1..=5 {
        commit(&disk, put(id, 3 * id as usize), Durability::Relaxed);
        ends.push(fs::metadata(journal_file(home.path())).unwrap().len());
    }
    drop(disk);
    let whole = fs::read(journal_file(home.path())).unwrap();
    for cut in ends[0]..=ends[5] {
        fs::write(journal_file(home.path()), &whole[..cut as usize]).unwrap();
        let expected: Vec<u64> = (1..=5).filter(|&id| ends[id as usize] <= cut).collect();
        assert_eq!(ids(home.path()), expected, "cut at {cut}");
        // What is cut off stays off, and the journal goes on from there.
        commit(&FileDisk::open(home.path()).unwrap(), put(99, 9), Durability::Relaxed);
        assert_eq!(ids(home.path()), [expected, vec![99]].concat());
    }
}

#[test]
fn a_flipped_bit_in_what_was_synced_is_reported_and_in_the_last_commit_cut_off() {
    let home = directory();
    let disk = FileDisk::open(home.path()).unwrap();
    let path = journal_file(home.path());
    commit(&disk, put(1, 50), Durability::Strict);
    let first_end = fs::metadata(&path).unwrap().len() as usize;
    commit(&disk, put(2, 50), Durability::Strict);
    drop(disk);
    let whole = fs::read(&path).unwrap();
    for at in 16..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&path, &damaged).unwrap();
        if at < first_end {
            assert!(matches!(blobs(home.path()), Err(DiskError::Lost(_))), "byte {at}");
        } else {
            assert_eq!(ids(home.path()), [1], "byte {at}");
        }
    }
}

#[test]
fn a_file_that_is_no_journal_is_not_taken_for_an_empty_one() {
    let home = directory();
    fs::write(home.path().join("journal-1"), b"something else entirely").unwrap();
    assert!(matches!(blobs(home.path()), Err(DiskError::Lost(_))));
}

#[test]
fn compaction_keeps_what_is_alive_and_nothing_else() {
    let home = directory();
    let disk = FileDisk::open(home.path()).unwrap();
    for id in 1..=40 {
        commit(&disk, put(id, 10_000), Durability::Relaxed);
    }
    let deletes = vec![BlobRange { area: Area::Log, first: 5, last: 38 }];
    commit(&disk, Batch { deletes, ..Batch::default() }, Durability::Relaxed);
    let before = blobs(home.path()).unwrap();
    disk.compact().unwrap();
    assert!(fs::metadata(journal_file(home.path())).unwrap().len() < 61_000);
    assert_eq!(blobs(home.path()).unwrap(), before);
    commit(&disk, put(77, 10), Durability::Strict);
    drop(disk);
    assert_eq!(ids(home.path()), [1, 2, 3, 4, 39, 40, 77]);
}

#[test]
fn a_journal_that_only_replaces_does_not_grow_without_end() {
    let home = directory();
    let mut journal = Journal::open(home.path()).unwrap();
    let mut longest = 0;
    for round in 0..200 {
        journal.commit(&put(round % 3, 100_000), Durability::Relaxed).unwrap();
        longest = longest.max(journal.len());
    }
    assert!(longest < 6 << 20, "{longest}");
    drop(journal);
    assert_eq!(ids(home.path()), [0, 1, 2]);
}

#[test]
fn left_overs_of_an_interrupted_compaction_are_removed() {
    let home = directory();
    commit(&FileDisk::open(home.path()).unwrap(), put(1, 10), Durability::Strict);
    fs::copy(journal_file(home.path()), home.path().join("journal-2")).unwrap();
    fs::write(home.path().join("compact.tmp"), b"half").unwrap();
    assert_eq!(ids(home.path()), [1]);
    assert!(journal_file(home.path()).ends_with("journal-2"));
    assert!(!home.path().join("compact.tmp").exists());
}

/// Not a claim of its own: the process that `a_killed_process_…` starts and kills.
#[test]
fn child_process_that_writes_until_it_is_killed() {
    let Ok(home) = std::env::var("TIDEWELL_TEST_DIRECTORY") else { return };
    let disk = FileDisk::open(Path::new(&home)).unwrap();
    for id in 1.. {
        commit(&disk, put(id, 1000), Durability::Relaxed);
        println!("acknowledged {id}");
    }
}

#[test]
fn a_killed_process_lets_go_of_the_directory_and_loses_nothing_acknowledged() {
    let home = directory();
    for round in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "journal_tests::child_process_that_writes_until_it_is_killed", "--nocapture"])
            .env("TIDEWELL_TEST_DIRECTORY", home.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let reached = lines.find(|line| line.contains(&format!("acknowledged {}", 50 + round * 30)));
        assert!(reached.is_some());
        assert!(matches!(blobs(home.path()), Err(DiskError::Unavailable(_))), "another process has it");
        child.kill().unwrap();
        child.wait().unwrap();
        let rest = lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<u64>().ok());
        let last = rest.last().unwrap_or(50 + round * 30);
        let there = ids(home.path());
        assert!(there.len() as u64 >= last && there == (1..=there.len() as u64).collect::<Vec<_>>());
    }
}
