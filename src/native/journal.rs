//! A journal of commits in a directory, with an index in memory of where each blob's bytes are.
//!
//! Not a log-structured tree: the index holds every name (about 60 bytes each), and opening reads the whole journal.
//!
//! ```text
//! LOCK         empty; the process that uses the directory holds a lock on it, which dies with the process
//! journal-N    the commits: 16 bytes "TWJOURNL", u32 LE version 1, u32 LE 0; then records (see `record`).
//!              Of several, the one with the highest N counts
//! compact.tmp  the next journal while it is being written
//! ```
//! A commit is one appended record. A record that is cut short or fails its checksum was being written when the machine
//! stopped: it and what follows is cut off, unless a later record proves that this place had been synced; then stored
//! data was damaged, and opening answers `Lost`.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tidewell_core::base::checksum;
use tidewell_core::disk::{Batch, BlobName, BlobRange, DiskError, Durability, RangeReads};

use crate::record::{self, HEADER_LEN, MARKER};

const MAGIC: [u8; 16] = *b"TWJOURNL\x01\0\0\0\0\0\0\0";
/// A journal with less garbage than this is never compacted, in bytes.
const GARBAGE_MIN: u64 = 4 << 20;
/// Records of a compacted journal hold about this many bytes.
const COMPACT_RECORD: u64 = 1 << 20;

#[derive(Clone, Copy)]
struct Place {
    offset: u64,
    len: usize,
}

/// An open journal. One process at a time has a directory's journal open.
pub(crate) struct Journal {
    directory: PathBuf,
    number: u64,
    file: File,
    /// Bytes of whole records, header included.
    len: u64,
    /// Bytes known to be on the device.
    synced: u64,
    /// The sum of the lengths of the blobs.
    live: u64,
    index: BTreeMap<BlobName, Place>,
    /// Why nothing can be written any more.
    broken: Option<String>,
    _lock: File,
}

impl Journal {
    pub(crate) fn open(directory: &Path) -> Result<Self, DiskError> {
        fs::create_dir_all(directory).map_err(|error| unusable(directory, &error))?;
        let lock = lock(directory)?;
        let result = open_newest(directory);
        let (number, file) = result.map_err(|error| unusable(directory, &error))?;
        let mut journal = Self {
            directory: directory.to_owned(),
            number,
            file,
            len: 0,
            synced: 0,
            live: 0,
            index: BTreeMap::new(),
            broken: None,
            _lock: lock,
        };
        journal.recover()?;
        Ok(journal)
    }

    pub(crate) fn read(&self, name: &BlobName) -> Result<Option<Vec<u8>>, DiskError> {
        let Some(place) = self.index.get(name) else { return Ok(None) };
        let mut bytes = vec![0; place.len];
        let read = self.seek(place.offset).and_then(|mut file| file.read_exact(&mut bytes));
        read.map_err(|error| unusable(&self.directory, &error))?;
        Ok(Some(bytes))
    }

    pub(crate) fn names(&self, range: BlobRange) -> impl Iterator<Item = BlobName> + '_ {
        self.index.range(range.names()).map(|(name, _)| *name)
    }

    pub(crate) fn commit(&mut self, batch: &Batch, durability: Durability) -> Result<RangeReads, DiskError> {
        if let Some(reason) = &self.broken {
            return Err(DiskError::Unavailable(reason.clone()));
        }
        for (name, _) in &batch.inserts {
            if self.index.contains_key(name) && !batch.deletes.iter().any(|range| range.contains(name)) {
                return Err(DiskError::Exists(*name));
            }
        }
        let writes: Vec<(BlobName, &[u8])> =
            batch.puts.iter().chain(&batch.inserts).map(|(name, bytes)| (*name, bytes.as_slice())).collect();
        if !writes.is_empty() || !batch.deletes.is_empty() {
            self.append(&batch.deletes, &writes)?;
        }
        if durability == Durability::Strict {
            self.sync()?;
        }
        let reads = batch.reads.iter().map(|range| {
            let names: Vec<BlobName> = self.names(*range).collect();
            names.iter().filter_map(|name| self.read(name).transpose()).collect()
        });
        let reads = reads.collect::<Result<_, _>>();
        self.compact_if_worthwhile();
        // The batch happened; only its reads failed, which a caller may repeat.
        reads.map_err(|error| DiskError::Interrupted(error.to_string()))
    }

    fn append(&mut self, deletes: &[BlobRange], writes: &[(BlobName, &[u8])]) -> Result<(), DiskError> {
        let mut bytes = Vec::new();
        let places = record::encode(&mut bytes, self.synced, deletes, writes.iter().copied());
        let written = self.seek(self.len).and_then(|mut file| file.write_all(&bytes));
        if let Err(error) = written {
            // Without a clean end the next record would be unreachable.
            if let Err(second) = self.file.set_len(self.len) {
                self.broken = Some(format!("a failed write could not be taken back: {second}"));
                return Err(DiskError::Interrupted(error.to_string()));
            }
            return Err(match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => DiskError::Quota(error.to_string()),
                _ => unusable(&self.directory, &error),
            });
        }
        self.apply(deletes, places.into_iter(), self.len);
        self.len += bytes.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), DiskError> {
        if self.synced == self.len {
            return Ok(());
        }
        if let Err(error) = self.file.sync_data() {
            // The system may have thrown the pages away: nothing later can make this journal trustworthy.
            self.broken = Some(format!("a sync failed: {error}; open the database again"));
            return Err(DiskError::Interrupted(error.to_string()));
        }
        self.synced = self.len;
        Ok(())
    }

    /// Updates the index by a record whose blobs are at `places` relative to `base` in the file.
    fn apply(
        &mut self,
        deletes: &[BlobRange],
        places: impl Iterator<Item = (BlobName, std::ops::Range<usize>)>,
        base: u64,
    ) {
        for range in deletes {
            let doomed: Vec<BlobName> = self.names(*range).collect();
            for name in doomed {
                self.forget(&name);
            }
        }
        for (name, place) in places {
            self.forget(&name);
            self.live += place.len() as u64;
            self.index.insert(name, Place { offset: base + place.start as u64, len: place.len() });
        }
    }

    fn forget(&mut self, name: &BlobName) {
        if let Some(place) = self.index.remove(name) {
            self.live -= place.len as u64;
        }
    }

    fn seek(&self, offset: u64) -> io::Result<&File> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(offset))?;
        Ok(file)
    }

    // --- recovery ----------------------------------------------------------------------------------------------

    fn recover(&mut self) -> Result<(), DiskError> {
        let directory = self.directory.clone();
        let failed = |error: io::Error| unusable(&directory, &error);
        let end = self.file.metadata().map_err(failed)?.len();
        let file = self.file.try_clone().map_err(failed)?;
        let mut input = BufReader::with_capacity(1 << 16, file);
        input.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut magic = [0; MAGIC.len()];
        if input.read_exact(&mut magic).is_err() || magic != MAGIC {
            return Err(DiskError::Lost(format!("{} is not a journal of this version", directory.display())));
        }
        self.len = MAGIC.len() as u64;
        while let Some(payload) = next_payload(&mut input, end - self.len).map_err(failed)? {
            let Ok(record) = record::decode(&payload) else { break };
            self.apply(&record.deletes, record.writes.into_iter(), self.len + HEADER_LEN as u64);
            self.len += (HEADER_LEN + payload.len()) as u64;
        }
        drop(input);
        if self.len < end {
            self.cut_tail(end).map_err(failed)?;
        }
        self.synced = 0;
        Ok(())
    }

    /// Cuts off what was being written when the machine stopped, after making sure that it is just that.
    fn cut_tail(&mut self, end: u64) -> io::Result<()> {
        let mut tail = vec![0; usize::try_from(end - self.len).map_err(io::Error::other)?];
        self.seek(self.len)?.read_exact(&mut tail)?;
        for start in 1..tail.len() {
            let rest = tail.get(start..).unwrap_or_default();
            if !rest.starts_with(&MARKER) {
                continue;
            }
            let payload = next_payload(&mut &*rest, rest.len() as u64)?;
            let synced = payload.and_then(|payload| record::decode(&payload).ok()).map_or(0, |record| record.synced);
            if synced > self.len {
                let message = format!("the journal is damaged at byte {} of {end}", self.len);
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
        }
        self.file.set_len(self.len)?;
        self.file.sync_all()
    }

    // --- compaction --------------------------------------------------------------------------------------------

    fn compact_if_worthwhile(&mut self) {
        let garbage = self.len.saturating_sub(self.live);
        if garbage >= GARBAGE_MIN && garbage > self.len / 2 {
            // A failure leaves the old journal as it was; the next commit tries again.
            let _ = self.compact();
        }
    }

    /// Writes what is alive into the next journal and lets go of this one.
    pub(crate) fn compact(&mut self) -> Result<(), DiskError> {
        let directory = self.directory.clone();
        self.rewrite().map_err(|error| unusable(&directory, &error))
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let temporary = self.directory.join("compact.tmp");
        let mut file = create(&temporary)?;
        let mut index = BTreeMap::new();
        let mut len = MAGIC.len() as u64;
        let mut blobs: Vec<(BlobName, Vec<u8>)> = Vec::new();
        let mut names = self.index.keys().peekable();
        while let Some(name) = names.next() {
            let bytes = self.read(name).map_err(|error| io::Error::other(error.to_string()))?;
            blobs.extend(bytes.map(|bytes| (*name, bytes)));
            let gathered: u64 = blobs.iter().map(|(_, bytes)| bytes.len() as u64).sum();
            if gathered < COMPACT_RECORD && names.peek().is_some() {
                continue;
            }
            let mut out = Vec::new();
            let writes = blobs.iter().map(|(name, bytes)| (*name, bytes.as_slice()));
            for (name, place) in record::encode(&mut out, len, &[], writes) {
                index.insert(name, Place { offset: len + place.start as u64, len: place.len() });
            }
            file.write_all(&out)?;
            len += out.len() as u64;
            blobs.clear();
        }
        file.sync_all()?;
        fs::rename(&temporary, journal_path(&self.directory, self.number + 1))?;
        sync_directory(&self.directory)?;
        // The old one is of no use any more; a left-over is removed when the directory is opened next.
        let _ = fs::remove_file(journal_path(&self.directory, self.number));
        self.number += 1;
        (self.file, self.index, self.len, self.synced) = (file, index, len, len);
        Ok(())
    }

    /// Bytes of the journal.
    #[cfg(test)]
    pub(crate) fn len(&self) -> u64 {
        self.len
    }
}

/// The next record's payload if it is whole. `rest` is the length of the input from here.
fn next_payload(input: &mut impl Read, rest: u64) -> io::Result<Option<Vec<u8>>> {
    let mut header = [0; HEADER_LEN];
    if rest < HEADER_LEN as u64 {
        return Ok(None);
    }
    input.read_exact(&mut header)?;
    let Ok((len, sum)) = record::decode_header(&header) else { return Ok(None) };
    let Some(len) = usize::try_from(len).ok().filter(|_| len <= rest - HEADER_LEN as u64) else { return Ok(None) };
    let mut payload = vec![0; len];
    input.read_exact(&mut payload)?;
    Ok((checksum(&payload) == sum).then_some(payload))
}

fn lock(directory: &Path) -> Result<File, DiskError> {
    let path = directory.join("LOCK");
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let file = open.map_err(|error| unusable(directory, &error))?;
    for _ in 0..LOCK_ATTEMPTS {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) => pause(),
            Err(fs::TryLockError::Error(error)) => return Err(unusable(directory, &error)),
        }
    }
    let text = format!("{} is in use by another process or thread", directory.display());
    Err(DiskError::Unavailable(text))
}

/// How often a lock that is taken is tried, 10 ms apart: a program that is just being started holds copies of this
/// process's files for a moment, that of a disk that was closed meanwhile included.
const LOCK_ATTEMPTS: usize = 20;

#[expect(clippy::disallowed_methods, reason = "opening a directory blocks anyway, and there is no platform here yet")]
fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(10));
}

/// Opens the newest journal or starts the first, and removes what a crash left behind.
fn open_newest(directory: &Path) -> io::Result<(u64, File)> {
    let mut numbers: Vec<u64> = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let number =
            name.to_str().and_then(|name| name.strip_prefix("journal-")).and_then(|text| text.parse::<u64>().ok());
        numbers.extend(number);
    }
    let _ = fs::remove_file(directory.join("compact.tmp"));
    let newest = numbers.iter().copied().max();
    for number in numbers.into_iter().filter(|number| Some(*number) != newest) {
        fs::remove_file(journal_path(directory, number))?;
    }
    let Some(newest) = newest else {
        // Under its final name only once it is whole: a journal without a header is never mistaken for a new one.
        let temporary = directory.join("compact.tmp");
        let file = create(&temporary)?;
        file.sync_all()?;
        fs::rename(&temporary, journal_path(directory, 1))?;
        sync_directory(directory)?;
        return Ok((1, file));
    };
    let file = OpenOptions::new().read(true).write(true).open(journal_path(directory, newest))?;
    Ok((newest, file))
}

fn create(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
    file.write_all(&MAGIC)?;
    Ok(file)
}

fn journal_path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("journal-{number}"))
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

fn unusable(directory: &Path, error: &io::Error) -> DiskError {
    let text = format!("{}: {error}", directory.display());
    if error.kind() == io::ErrorKind::InvalidData {
        DiskError::Lost(text)
    } else {
        DiskError::Unavailable(text)
    }
}
