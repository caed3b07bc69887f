//! The manifest: which tables make up the database, changed only by edits that are log records like any other.
//!
//! It holds no keys and no blocks. Format: docs/FORMAT.md.

use std::rc::Rc;

use crate::base::bytes::{write_slice, Reader};
use crate::base::checksum::{seal, unseal};
use crate::base::varint::write_varint;
use crate::base::{Error, Result, SortedMap};

use super::levels::Levels;
use super::record::RecordHeader;
use super::table_info::TableInfo;

const VERSION: u8 = 1;

/// A change of the manifest, carried by a log record.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    /// The record's writer takes the next `count` table ids for itself.
    Reserve { count: u64 },
    /// Ids nobody will use are given up; the record's batch deleted their blobs.
    Release { tables: Vec<u64> },
    /// Everything up to position `through` is in tables now.
    Flush { through: u64, tables: Vec<TableInfo> },
    /// Tables were replaced by others (with their levels). A moved table is removed and added with the same id.
    Compact { removed: Vec<u64>, added: Vec<(u32, TableInfo)> },
    /// Obsolete tables are gone; the record's batch deleted their blobs.
    Forget { tables: Vec<u64> },
    /// The log was cut off below the floor in the record's batch.
    Truncate,
}

/// The tables of the database at one position of the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manifest {
    /// The live tables.
    pub(crate) levels: Rc<Levels>,
    /// The next free table id.
    pub(crate) next_table: u64,
    /// Ids taken but not in use yet, with their writer.
    pub(crate) reserved: SortedMap<u64, u64>,
    /// Tables no longer live, with the position since when; instances behind that may still read them.
    pub(crate) obsolete: SortedMap<u64, u64>,
    /// Every data item at or below this position is in the live tables.
    pub(crate) flushed: u64,
    /// The position of the last edit applied.
    pub(crate) edited: u64,
}

impl Manifest {
    /// Applies an edit of the record with `header`.
    ///
    /// # Errors
    /// `Corrupt` if the edit does not fit: its writer checked it at this very position, so the log is damaged.
    pub(crate) fn apply(&mut self, edit: &Edit, header: &RecordHeader) -> Result<()> {
        if header.position <= self.edited {
            return Ok(());
        }
        match edit {
            Edit::Reserve { count } => self.reserve(*count, header.writer)?,
            Edit::Release { tables } => self.reserved.retain(|id, _| !tables.contains(id)),
            Edit::Forget { tables } => self.obsolete.retain(|id, _| !tables.contains(id)),
            Edit::Flush { through, tables } => {
                let added: Vec<_> = tables.iter().map(|table| (0, table.clone())).collect();
                self.replace(&[], &added, header.position)?;
                self.flushed = self.flushed.max(*through);
            }
            Edit::Compact { removed, added } => self.replace(removed, added, header.position)?,
            Edit::Truncate => {}
        }
        Ok(())
    }

    /// The edits of one record are applied together; this closes them.
    pub(crate) fn finish_record(&mut self, position: u64) {
        self.edited = self.edited.max(position);
    }

    fn reserve(&mut self, count: u64, writer: u64) -> Result<()> {
        if count > 1 << 16 {
            return Err(Error::corrupt("an edit reserves too many tables"));
        }
        for id in self.next_table..self.next_table + count {
            self.reserved.insert(id, writer);
        }
        self.next_table += count;
        Ok(())
    }

    fn replace(&mut self, removed: &[u64], added: &[(u32, TableInfo)], position: u64) -> Result<()> {
        self.levels = Rc::new(self.levels.replaced(removed, added)?);
        for id in removed {
            if !added.iter().any(|(_, table)| table.id == *id) {
                self.obsolete.insert(*id, position);
            }
        }
        self.reserved.retain(|id, _| !added.iter().any(|(_, table)| table.id == *id));
        Ok(())
    }

    /// The snapshot's blob.
    pub(crate) fn encode(&self, store: u64) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&store.to_le_bytes());
        for number in [self.next_table, self.flushed, self.edited] {
            write_varint(&mut out, number);
        }
        for pairs in [&self.reserved, &self.obsolete] {
            write_varint(&mut out, pairs.len() as u64);
            for (id, value) in pairs.iter() {
                write_varint(&mut out, *id);
                write_varint(&mut out, *value);
            }
        }
        let tables: Vec<_> = self.levels.tables().collect();
        write_tables(&mut out, tables.into_iter());
        seal(&mut out);
        out
    }

    /// Reads a snapshot's blob of the database `store`.
    ///
    /// # Errors
    /// `Corrupt` if checksum, version, identity or shape is wrong.
    pub(crate) fn decode(blob: &[u8], store: u64) -> Result<Self> {
        let mut reader = Reader::new(unseal(blob, "manifest")?);
        let version = reader.u8()?;
        if version != VERSION {
            return Err(Error::corrupt(format!("manifest has version {version}, this build reads {VERSION}")));
        }
        if reader.u64()? != store {
            return Err(Error::corrupt("manifest belongs to another database"));
        }
        let (next_table, flushed, edited) = (reader.varint()?, reader.varint()?, reader.varint()?);
        let reserved = read_pairs(&mut reader)?;
        let obsolete = read_pairs(&mut reader)?;
        let tables = read_tables(&mut reader)?;
        reader.finish("manifest")?;
        let levels = Rc::new(Levels::default().replaced(&[], &tables)?);
        Ok(Self { levels, next_table, reserved, obsolete, flushed, edited })
    }
}

fn read_pairs(reader: &mut Reader<'_>) -> Result<SortedMap<u64, u64>> {
    let count = reader.count(2)?;
    (0..count).map(|_| Ok((reader.varint()?, reader.varint()?))).collect()
}

fn write_tables<'a>(out: &mut Vec<u8>, tables: impl ExactSizeIterator<Item = (u32, &'a TableInfo)>) {
    write_varint(out, tables.len() as u64);
    for (level, table) in tables {
        write_varint(out, u64::from(level));
        let mut bytes = Vec::new();
        table.encode(&mut bytes);
        write_slice(out, &bytes);
    }
}

fn read_tables(reader: &mut Reader<'_>) -> Result<Vec<(u32, TableInfo)>> {
    let count = reader.count(2)?;
    (0..count)
        .map(|_| {
            let level = reader.varint_u32()?;
            let mut table = Reader::new(reader.slice()?);
            let info = TableInfo::decode(&mut table)?;
            table.finish("table description")?;
            Ok((level, info))
        })
        .collect()
}

fn write_ids(out: &mut Vec<u8>, ids: &[u64]) {
    write_varint(out, ids.len() as u64);
    ids.iter().for_each(|id| write_varint(out, *id));
}

fn read_ids(reader: &mut Reader<'_>) -> Result<Vec<u64>> {
    let count = reader.count(1)?;
    (0..count).map(|_| reader.varint()).collect()
}

impl Edit {
    /// The bytes inside the record.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Reserve { count } => {
                out.push(1);
                write_varint(&mut out, *count);
            }
            Self::Release { tables } => {
                out.push(2);
                write_ids(&mut out, tables);
            }
            Self::Flush { through, tables } => {
                out.push(3);
                write_varint(&mut out, *through);
                write_tables(&mut out, tables.iter().map(|table| (0, table)));
            }
            Self::Compact { removed, added } => {
                out.push(4);
                write_ids(&mut out, removed);
                write_tables(&mut out, added.iter().map(|(level, table)| (*level, table)));
            }
            Self::Forget { tables } => {
                out.push(5);
                write_ids(&mut out, tables);
            }
            Self::Truncate => out.push(6),
        }
        out
    }

    /// Reads the bytes of an edit.
    ///
    /// # Errors
    /// `Corrupt` if they make no sense.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let edit = match reader.u8()? {
            1 => Self::Reserve { count: reader.varint()? },
            2 => Self::Release { tables: read_ids(&mut reader)? },
            3 => Self::Flush {
                through: reader.varint()?,
                tables: read_tables(&mut reader)?.into_iter().map(|(_, table)| table).collect(),
            },
            4 => Self::Compact { removed: read_ids(&mut reader)?, added: read_tables(&mut reader)? },
            5 => Self::Forget { tables: read_ids(&mut reader)? },
            6 => Self::Truncate,
            other => return Err(Error::corrupt(format!("unknown manifest edit {other}"))),
        };
        reader.finish("manifest edit")?;
        Ok(edit)
    }
}
