//! What collections exist, with which indexes: descriptions kept under catalog keys, and their cache.
//!
//! Not a schema of documents: validation belongs to the application's validator.

use std::cell::RefCell;
use std::rc::Rc;

use crate::base::{write_slice, write_varint, Error, Reader, Result, SortedMap};
use crate::engine::{Direction, Read, Step, Transaction};

use super::keys;
use super::path::Path;

/// The longest name of a collection or an index, in bytes.
pub const NAME_MAX: usize = 128;
/// The longest path of an indexed field, in bytes.
pub const PATH_MAX: usize = 512;
/// The most fields of one index.
pub const INDEX_FIELDS_MAX: usize = 16;
/// The most indexes of one collection.
pub const INDEXES_MAX: usize = 64;

const FORMAT: u8 = 1;
const FORMAT_WITH_SEARCH: u8 = 2;
const UNIQUE: u8 = 1;
const MULTI_ENTRY: u8 = 2;
const BUILDING: u8 = 4;

/// A collection as the catalog describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// The collection's number: unique for ever, a collection created again under the same name gets another.
    pub id: u32,
    /// The name.
    pub name: Box<str>,
    /// The application's schema version that new documents are written with.
    pub version: u32,
    /// The number the next index gets.
    pub next_index: u32,
    /// The indexes, in the order of their creation.
    pub indexes: Vec<Index>,
    /// The search index, if one is declared.
    pub search: Option<SearchIndex>,
}

/// The search index of a collection. What it declares is the search floor's: here it is bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchIndex {
    /// Its number, of the same sequence as those of other indexes.
    pub id: u32,
    /// The declaration.
    pub spec: Box<[u8]>,
    /// Whether queries may use it; until then it is being built and writers already maintain it.
    pub ready: bool,
}

/// An index of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The index's number, unique in the collection for ever, from 1.
    pub id: u32,
    /// What it indexes.
    pub spec: IndexSpec,
    /// Whether some document ever had an array under an indexed path, so that one document may have several entries.
    pub multi_entry: bool,
    /// Whether queries may use it; until then it is being built and writers already maintain it.
    pub ready: bool,
}

/// What an index is asked to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexSpec {
    /// The name; by default the paths joined by `,`.
    pub name: Box<str>,
    /// The indexed fields, most significant first.
    pub fields: Vec<IndexField>,
    /// Whether two documents may not have the same values.
    pub unique: bool,
}

/// One field of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexField {
    /// Where the field is.
    pub path: Path,
    /// Whether entries descend by this field.
    pub descending: bool,
}

impl IndexSpec {
    /// An index on `fields` (path, whether descending). Without a name it is called by its paths, joined by `,`.
    ///
    /// # Errors
    /// `Invalid` for names and paths that cannot be kept.
    pub fn new(name: Option<&str>, fields: &[(&str, bool)], unique: bool) -> Result<Self> {
        let paths: Vec<&str> = fields.iter().map(|(path, _)| *path).collect();
        let name = name.map_or_else(|| paths.join(","), str::to_owned);
        let field = |&(path, descending): &(&str, bool)| {
            if path.len() > PATH_MAX {
                return Err(Error::invalid(format!(
                    "an indexed path has {} bytes; the limit is {PATH_MAX}",
                    path.len()
                )));
            }
            Ok(IndexField { path: Path::parse(path)?, descending })
        };
        let fields = fields.iter().map(field).collect::<Result<_>>()?;
        let spec = Self { name: name.into(), fields, unique };
        spec.validate()?;
        Ok(spec)
    }

    /// An ascending index on `paths` with the default name.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn on(paths: &[&str]) -> Result<Self> {
        let fields: Vec<_> = paths.iter().map(|path| (*path, false)).collect();
        Self::new(None, &fields, false)
    }

    fn validate(&self) -> Result<()> {
        check_name("index", &self.name)?;
        if self.name.starts_with('$') {
            return Err(Error::invalid(format!("index name '{}' starts with '$': choose another name", self.name)));
        }
        if self.fields.is_empty() || self.fields.len() > INDEX_FIELDS_MAX {
            return Err(Error::invalid(format!(
                "index '{}' has {} fields: give it 1 to {INDEX_FIELDS_MAX}",
                self.name,
                self.fields.len()
            )));
        }
        for (at, field) in self.fields.iter().enumerate() {
            if self.fields.iter().take(at).any(|other| other.path == field.path) {
                let path = field.path.text();
                return Err(Error::invalid(format!("index '{}' names the path '{path}' twice", self.name)));
            }
        }
        Ok(())
    }
}

/// Refuses a name that is empty, too long or not printable.
pub fn check_collection_name(name: &str) -> Result<()> {
    check_name("collection", name)?;
    if name.starts_with('$') {
        return Err(Error::invalid(format!("collection name '{name}' starts with '$': such names are reserved")));
    }
    Ok(())
}

fn check_name(what: &str, name: &str) -> Result<()> {
    if name.is_empty() || name.len() > NAME_MAX {
        return Err(Error::invalid(format!("{what} name of {} bytes: use 1 to {NAME_MAX} bytes", name.len())));
    }
    if name.chars().any(char::is_control) {
        return Err(Error::invalid(format!("{what} name has a control character: use printable characters")));
    }
    Ok(())
}

impl Collection {
    /// Whether it is being written by a job and no application's business yet.
    pub fn is_hidden(&self) -> bool {
        self.name.starts_with('$')
    }

    /// The index with that name.
    pub fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.iter().find(|index| &*index.spec.name == name)
    }

    /// The bytes the catalog keeps (docs/FORMAT.md).
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![if self.search.is_some() { FORMAT_WITH_SEARCH } else { FORMAT }];
        write_varint(&mut out, self.id.into());
        write_varint(&mut out, self.version.into());
        write_varint(&mut out, self.next_index.into());
        write_varint(&mut out, self.indexes.len() as u64);
        for index in &self.indexes {
            write_varint(&mut out, index.id.into());
            write_slice(&mut out, index.spec.name.as_bytes());
            let flag = |set: bool, bit: u8| if set { bit } else { 0 };
            out.push(
                flag(index.spec.unique, UNIQUE) | flag(index.multi_entry, MULTI_ENTRY) | flag(!index.ready, BUILDING),
            );
            write_varint(&mut out, index.spec.fields.len() as u64);
            for field in &index.spec.fields {
                write_slice(&mut out, field.path.text().as_bytes());
                out.push(u8::from(field.descending));
            }
        }
        if let Some(search) = &self.search {
            write_varint(&mut out, search.id.into());
            out.push(if search.ready { 0 } else { BUILDING });
            write_slice(&mut out, &search.spec);
        }
        out
    }

    /// Reads what `encode` wrote.
    ///
    /// # Errors
    /// `Corrupt` if the bytes make no sense or are of a later format.
    pub fn decode(name: &str, bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let format = reader.u8()?;
        if format != FORMAT && format != FORMAT_WITH_SEARCH {
            return Err(Error::corrupt(format!("collection '{name}' is described in a format of a later version")));
        }
        let (id, version, next_index) = (reader.varint_u32()?, reader.varint_u32()?, reader.varint_u32()?);
        let mut indexes = Vec::new();
        for _ in 0..reader.count(4)? {
            indexes.push(decode_index(&mut reader)?);
        }
        let search = if format == FORMAT_WITH_SEARCH { Some(decode_search(&mut reader)?) } else { None };
        reader.finish("a collection's description")?;
        Ok(Self { id, name: name.into(), version, next_index, indexes, search })
    }
}

fn decode_search(reader: &mut Reader<'_>) -> Result<SearchIndex> {
    let (id, flags) = (reader.varint_u32()?, reader.u8()?);
    if flags & !BUILDING != 0 {
        return Err(Error::corrupt("a search index's description makes no sense"));
    }
    Ok(SearchIndex { id, spec: reader.slice()?.into(), ready: flags == 0 })
}

fn decode_index(reader: &mut Reader<'_>) -> Result<Index> {
    let id = reader.varint_u32()?;
    let name = reader.text()?.into();
    let flags = reader.u8()?;
    let mut fields = Vec::new();
    for _ in 0..reader.count(2)? {
        let path = Path::parse(reader.text()?).map_err(|_| Error::corrupt("an index has an impossible path"))?;
        fields.push(IndexField { path, descending: reader.u8()? != 0 });
    }
    if fields.is_empty() || flags & !(UNIQUE | MULTI_ENTRY | BUILDING) != 0 {
        return Err(Error::corrupt("an index's description makes no sense"));
    }
    let spec = IndexSpec { name, fields, unique: flags & UNIQUE != 0 };
    Ok(Index { id, spec, multi_entry: flags & MULTI_ENTRY != 0, ready: flags & BUILDING == 0 })
}

/// Parsed descriptions by name, valid while their stored bytes are the same. An instance has one.
///
/// Every operation reads the stored bytes of the collections it names, so that it sees the catalog of its own
/// position; the cache only saves the parsing.
#[derive(Default)]
pub struct Catalog {
    parsed: RefCell<SortedMap<Box<str>, Parsed>>,
}

struct Parsed {
    bytes: Vec<u8>,
    collection: Rc<Collection>,
}

impl Catalog {
    /// The collection `name` as this view has it.
    pub fn find(&self, view: &dyn Read, name: &str) -> Step<Option<Rc<Collection>>> {
        let mut bytes = Vec::new();
        if !view.get(&keys::collection(name), &mut bytes)? {
            return Ok(None);
        }
        Ok(Some(self.parse(name, bytes)?))
    }

    fn parse(&self, name: &str, bytes: Vec<u8>) -> Result<Rc<Collection>> {
        if let Some(parsed) = self.parsed.borrow().get(name) {
            if parsed.bytes == bytes {
                return Ok(parsed.collection.clone());
            }
        }
        let collection = Rc::new(Collection::decode(name, &bytes)?);
        self.parsed.borrow_mut().insert(name.into(), Parsed { bytes, collection: collection.clone() });
        Ok(collection)
    }

    /// The number of the collection `name` if it was looked up before and not forgotten since.
    pub fn cached_id(&self, name: &str) -> Option<u32> {
        self.parsed.borrow().get(name).map(|parsed| parsed.collection.id)
    }

    /// The name of the collection with that number, if it was looked up before and not forgotten since.
    pub fn cached_name(&self, id: u32) -> Option<Box<str>> {
        self.parsed.borrow().iter().find(|(_, parsed)| parsed.collection.id == id).map(|(name, _)| name.clone())
    }

    /// Drops what is known about a catalog key that a commit changed.
    pub fn forget(&self, key: &[u8]) {
        if let [keys::CATALOG, b'c', name @ ..] = key {
            if let Ok(name) = std::str::from_utf8(name) {
                self.parsed.borrow_mut().remove(name);
            }
        }
    }

    /// Drops everything: the instance reloaded.
    pub fn forget_all(&self) {
        self.parsed.borrow_mut().clear();
    }

    /// All collections, by name.
    pub fn all(&self, view: &dyn Read) -> Step<Vec<Rc<Collection>>> {
        let mut collections = Vec::new();
        let mut cursor = view.cursor(keys::collections(), Direction::Forward);
        while cursor.advance()? {
            let name = cursor.key().get(2..).unwrap_or_default();
            let name = std::str::from_utf8(name).map_err(|_| Error::corrupt("a collection's name is not UTF-8"))?;
            collections.push(self.parse(name, cursor.value().to_vec())?);
        }
        Ok(collections)
    }

    /// The collection `name`, created if it does not exist.
    pub fn find_or_create(&self, tx: &mut dyn Transaction, name: &str) -> Step<Rc<Collection>> {
        if let Some(collection) = self.find(tx, name)? {
            return Ok(collection);
        }
        check_collection_name(name)?;
        let mut bytes = Vec::new();
        let id = match tx.get(keys::NEXT_COLLECTION, &mut bytes)? {
            true => Reader::new(&bytes).u32()?,
            false => 1,
        };
        let next = id.checked_add(1).ok_or_else(|| Error::invalid("too many collections were created"))?;
        let collection =
            Rc::new(Collection { id, name: name.into(), version: 0, next_index: 1, indexes: Vec::new(), search: None });
        tx.put(keys::NEXT_COLLECTION, &next.to_le_bytes())?;
        save(tx, &collection)?;
        Ok(collection)
    }
}

/// Writes a collection's description.
pub fn save(tx: &mut dyn Transaction, collection: &Collection) -> Step<()> {
    tx.put(&keys::collection(&collection.name), &collection.encode())
}

/// Removes a collection: its name is free at once, its documents and entries become garbage that is cleared in slices.
pub fn drop_collection(tx: &mut dyn Transaction, collection: &Collection) -> Step<()> {
    for index in collection.indexes.iter().filter(|index| !index.ready) {
        tx.delete(&keys::build(collection.id, index.id))?;
    }
    if let Some(search) = &collection.search {
        tx.delete(&keys::build(collection.id, search.id))?;
    }
    tx.delete(&keys::collection(&collection.name))?;
    tx.put(&keys::garbage(collection.id, 0), &[])
}

/// The number of documents in a collection.
pub fn document_count(view: &dyn Read, collection: u32) -> Step<u64> {
    let mut bytes = Vec::new();
    if !view.get(&keys::count(collection), &mut bytes)? {
        return Ok(0);
    }
    let count = bytes.as_slice().try_into().map_err(|_| Error::corrupt("a document count is not 8 bytes"))?;
    Ok(u64::try_from(i64::from_le_bytes(count)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::memory_store::MemoryStore;
    use super::*;

    fn spec() -> impl Strategy<Value = IndexSpec> {
        let field = ("[a-c](\\.[a-c0-9]){0,3}", any::<bool>())
            .prop_map(|(path, descending)| IndexField { path: Path::parse(&path).unwrap(), descending });
        ("[^\0]{1,8}", prop::collection::vec(field, 1..4), any::<bool>()).prop_map(|(name, fields, unique)| IndexSpec {
            name: name.into(),
            fields,
            unique,
        })
    }

    proptest! {
        #[test]
        fn a_description_comes_back(id: u32, version: u32, next_index: u32, search: Option<(u32, Vec<u8>, bool)>,
                                    specs in prop::collection::vec((spec(), any::<u32>(), any::<bool>(), any::<bool>()), 0..4)) {
            let indexes = specs.into_iter()
                .map(|(spec, id, multi_entry, ready)| Index { id, spec, multi_entry, ready }).collect();
            let search = search.map(|(id, spec, ready)| SearchIndex { id, spec: spec.into(), ready });
            let collection = Collection { id, name: "c".into(), version, next_index, indexes, search };
            prop_assert_eq!(Collection::decode("c", &collection.encode()).unwrap(), collection);
        }

        #[test]
        fn hostile_bytes_are_an_error_and_never_a_panic(bytes: Vec<u8>) {
            let _ = Collection::decode("c", &bytes);
        }
    }

    #[test]
    fn names_and_paths_that_cannot_be_kept_are_refused() {
        for name in ["", "$x", "a\nb", &"x".repeat(NAME_MAX + 1)] {
            assert!(check_collection_name(name).is_err(), "{name:?}");
        }
        for path in ["", ".", "a..b", "a."] {
            assert!(IndexSpec::on(&[path]).is_err(), "{path:?}");
        }
        assert!(IndexSpec::on(&["a", "a"]).is_err());
        assert!(IndexSpec::on(&[]).is_err());
        assert_eq!(&*IndexSpec::on(&["done", "due"]).unwrap().name, "done,due");
    }

    #[test]
    fn a_dropped_collection_leaves_its_name_but_never_its_number() {
        let (catalog, mut store) = (Catalog::default(), MemoryStore::default());
        let first = store.commit(|tx| catalog.find_or_create(tx, "notes")).unwrap();
        store.commit(|tx| drop_collection(tx, &first)).unwrap();
        assert_eq!(store.read(|view| catalog.find(view, "notes")).unwrap(), None);
        let second = store.commit(|tx| catalog.find_or_create(tx, "notes")).unwrap();
        assert_ne!(first.id, second.id);
        assert_eq!(store.read(|view| catalog.all(view)).unwrap(), [second]);
    }
}
