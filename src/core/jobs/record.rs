//! A job's record: where its last run stands, in the bytes that every slice rewrites.
//!
//! Not the history of runs: there is one record a job.

use crate::base::{write_slice, write_varint, Error, Reader, Result};
use crate::engine::{Read, Step, Transaction};

use super::{keys, Partition};

/// The format of a record, and of one with partitions.
const FORMAT: u8 = 1;
const FORMAT_PARTITIONED: u8 = 2;

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Slices may be committed.
    Running = 0,
    /// Somebody asked for a pause.
    Paused = 1,
    /// A record failed, or something that running on does not mend.
    Failed = 2,
    /// It was given up; what it had was thrown away.
    Cancelled = 3,
    /// Its result is in place.
    Done = 4,
}

/// What a run is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Reading documents.
    Map = 0,
    /// Reducing keys.
    Reduce = 1,
    /// Putting the result in place.
    Finish = 2,
}

impl State {
    /// Its name in commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Done => "done",
        }
    }

    /// Whether the run can still come to a result.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Failed)
    }

    fn decode(byte: u8) -> Result<Self> {
        [Self::Running, Self::Paused, Self::Failed, Self::Cancelled, Self::Done]
            .into_iter()
            .find(|state| *state as u8 == byte)
            .ok_or_else(|| Error::corrupt("a job is in a state that there is not"))
    }
}

impl Phase {
    /// Its name in commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::Map => "map",
            Self::Reduce => "reduce",
            Self::Finish => "finish",
        }
    }

    pub(super) fn decode(byte: u8) -> Result<Self> {
        [Self::Map, Self::Reduce, Self::Finish]
            .into_iter()
            .find(|phase| *phase as u8 == byte)
            .ok_or_else(|| Error::corrupt("a job is in a phase that there is not"))
    }
}

/// How far a run got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Documents, or messages, read.
    pub rows: u64,
    /// Documents there were when the run began.
    pub rows_total: u64,
    /// Their bytes as stored.
    pub bytes: u64,
    /// Parts of groups that slices wrote.
    pub parts: u64,
    /// Those that were reduced.
    pub parts_done: u64,
    /// Documents of the result.
    pub results: u64,
    /// Records that failed and were left out, or stopped the run.
    pub failures: u64,
}

/// A job's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The run's number, unique for ever.
    pub run: u32,
    /// Counts the commits of the run: a slice is only taken from whoever has seen the last.
    pub step: u64,
    /// Whether it goes on.
    pub state: State,
    /// What it is at.
    pub phase: Phase,
    /// A checksum of the definition and the application's functions.
    pub hash: u64,
    /// The definition as JSON text.
    pub definition: Box<[u8]>,
    /// The number of the collection or topic that is read; 0 if there was none.
    pub source: u32,
    /// The id of the last document read (of a topic: the offset behind the last message, in digits), or the key of the last part
    /// reduced.
    pub cursor: Vec<u8>,
    /// How far it got.
    pub counters: Counters,
    /// When it began, was last written and came to its end (0: not yet), in milliseconds since the Unix epoch.
    pub started: u64,
    /// When it was last written.
    pub updated: u64,
    /// When it came to its end; 0 before.
    pub finished: u64,
    /// Why it failed.
    pub message: Box<str>,
    /// The ranges of ids that the source was split into, in their order; none if it was not. Then `cursor` is of no use before
    /// keys are reduced.
    pub partitions: Vec<Partition>,
}

impl Record {
    /// The record of a job, if it ever ran.
    pub fn load(view: &dyn Read, name: &str) -> Step<Option<Self>> {
        let mut bytes = Vec::new();
        if !view.get(&keys::job(name), &mut bytes)? {
            return Ok(None);
        }
        Ok(Some(Self::decode(&bytes)?))
    }

    /// Writes the record.
    pub fn save(&self, tx: &mut dyn Transaction, name: &str) -> Step<()> {
        tx.put(&keys::job(name), &self.encode())
    }

    /// The stored bytes (docs/FORMAT.md).
    pub fn encode(&self) -> Vec<u8> {
        let format = if self.partitions.is_empty() { FORMAT } else { FORMAT_PARTITIONED };
        let mut out = vec![format, self.state as u8, self.phase as u8];
        let Counters { rows, rows_total, bytes, parts, parts_done, results, failures } = self.counters;
        let numbers = [
            self.run.into(),
            self.step,
            self.source.into(),
            rows,
            rows_total,
            bytes,
            parts,
            parts_done,
            results,
            failures,
            self.started,
            self.updated,
            self.finished,
        ];
        numbers.into_iter().for_each(|number| write_varint(&mut out, number));
        out.extend_from_slice(&self.hash.to_le_bytes());
        write_slice(&mut out, &self.cursor);
        write_slice(&mut out, self.message.as_bytes());
        write_slice(&mut out, &self.definition);
        if !self.partitions.is_empty() {
            Partition::encode_all(&self.partitions, &mut out);
        }
        out
    }

    /// Reads what `encode` wrote.
    ///
    /// # Errors
    /// `Corrupt` if the bytes make no sense or are of a later format.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let format = reader.u8()?;
        if format != FORMAT && format != FORMAT_PARTITIONED {
            return Err(Error::corrupt("a job is recorded in a format of a later version"));
        }
        let (state, phase) = (State::decode(reader.u8()?)?, Phase::decode(reader.u8()?)?);
        let (run, step, source) = (reader.varint_u32()?, reader.varint()?, reader.varint_u32()?);
        let counters = Counters {
            rows: reader.varint()?,
            rows_total: reader.varint()?,
            bytes: reader.varint()?,
            parts: reader.varint()?,
            parts_done: reader.varint()?,
            results: reader.varint()?,
            failures: reader.varint()?,
        };
        let (started, updated, finished) = (reader.varint()?, reader.varint()?, reader.varint()?);
        let hash = reader.u64()?;
        let cursor = reader.slice()?.to_vec();
        let message = reader.text()?.into();
        let definition = reader.slice()?.into();
        let partitions = if format == FORMAT { Vec::new() } else { Partition::decode_all(&mut reader)? };
        reader.finish("a job's record")?;
        Ok(Self {
            run,
            step,
            state,
            phase,
            hash,
            definition,
            source,
            cursor,
            counters,
            started,
            updated,
            finished,
            message,
            partitions,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_record_that_is_not_split_has_the_bytes_it_always_had() {
        let counters = Counters { rows: 5, rows_total: 300, ..Counters::default() };
        let mut record = Record {
            run: 7,
            step: 2,
            state: State::Running,
            phase: Phase::Map,
            hash: 1,
            definition: b"{}".as_slice().into(),
            source: 3,
            cursor: b"d4".to_vec(),
            counters,
            started: 1,
            updated: 2,
            finished: 0,
            message: "".into(),
            partitions: Vec::new(),
        };
        let bytes =
            *b"\x01\x00\x00\x07\x02\x03\x05\xac\x02\x00\x00\x00\x00\x00\x01\x02\x00\x01\0\0\0\0\0\0\0\x02d4\x00\x02{}";
        assert_eq!(record.encode(), bytes);
        assert_eq!(Record::decode(&bytes).unwrap(), record);
        record.partitions = Partition::between(&[b"d2".to_vec()]);
        let split = [&[2], &bytes[1..], b"\x02\x00\x00\x00\x02d2\x00\x00\x02d2\x00"].concat();
        assert_eq!(record.encode(), split);
        assert_eq!(Record::decode(&split).unwrap(), record);
    }

    proptest! {
        #[test]
        fn a_record_comes_back(
            (run, source, hash, step) in any::<(u32, u32, u64, u64)>(), (state, phase) in any::<(u8, u8)>(),
            (rows, parts, failures, started) in any::<(u64, u64, u64, u64)>(),
            (cursor, definition) in any::<(Vec<u8>, Vec<u8>)>(), message in "\\PC{0,9}",
            ranges in proptest::collection::vec(any::<(bool, u64, Vec<u8>, Vec<u8>)>(), 0..17),
        ) {
            let counters = Counters { rows, parts, failures, ..Counters::default() };
            let (state, phase) = (State::decode(state % 5).unwrap(), Phase::decode(phase % 3).unwrap());
            let partition = |(done, step, cursor, end)| Partition { done, step, cursor, end };
            let partitions = ranges.into_iter().map(partition).collect();
            let record = Record {
                run, step, state, phase, hash, definition: definition.into(), source, cursor, counters, started,
                updated: started, finished: 0, message: message.into(), partitions,
            };
            prop_assert_eq!(Record::decode(&record.encode()).unwrap(), record);
        }

        #[test]
        fn hostile_bytes_are_an_error_and_never_a_panic(mut bytes: Vec<u8>) {
            let _ = Record::decode(&bytes);
            let _ = super::super::Failure::decode(&bytes);
            for format in [FORMAT, FORMAT_PARTITIONED] {
                if let Some(first) = bytes.first_mut() {
                    *first = format;
                }
                let _ = Record::decode(&bytes);
            }
        }
    }
}
