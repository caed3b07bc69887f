//! The engine keys of documents, index entries, counters and the catalog: one place that knows their bytes.
//!
//! Not the encoding of values: an index entry's fields arrive encoded.
//!
//! ```text
//! 00 'c' name                            a collection's description
//! 00 'n'                                 the next collection number
//! 00 'b' collection:u32be index:u32be    an index under construction: how far it got
//! 00 'd' collection:u32be index:u32be    garbage of a dropped index (0: of the whole collection)
//! 01 collection:u32be id                 a document
//! 02 collection:u32be index:u32be fields id    an index entry; a unique index has no id in the key
//! 03 collection:u32be                    the collection's number of documents
//! 04 collection:u32be index:u32be …      a search index
//! ```

use crate::engine::KeyRange;

/// The first byte of every catalog key.
pub const CATALOG: u8 = 0x00;
/// The first byte of every document key.
pub const DOCUMENT: u8 = 0x01;
/// The first byte of every index entry key.
pub const INDEX: u8 = 0x02;
/// The first byte of every counter key.
pub const COUNTER: u8 = 0x03;

/// The first byte of every key of a search index.
pub const SEARCH: u8 = 0x04;

/// Bytes before the id in a document key.
pub const DOCUMENT_PREFIX_LEN: usize = 5;
/// Bytes before the fields in an index entry key.
pub const INDEX_PREFIX_LEN: usize = 9;

/// The key of a collection's description.
pub fn collection(name: &str) -> Vec<u8> {
    let mut key = vec![CATALOG, b'c'];
    key.extend_from_slice(name.as_bytes());
    key
}

/// The range of all collections' descriptions.
pub fn collections() -> KeyRange {
    KeyRange::prefix(&[CATALOG, b'c'])
}

/// The key of the next collection number.
pub const NEXT_COLLECTION: &[u8] = &[CATALOG, b'n'];

/// The key of an index build's progress.
pub fn build(collection: u32, index: u32) -> Vec<u8> {
    catalog_pair(b'b', collection, index)
}

/// The range of all index builds' progress.
pub fn builds() -> KeyRange {
    KeyRange::prefix(&[CATALOG, b'b'])
}

/// The key that says that a dropped index (or with 0 a dropped collection) still occupies space.
pub fn garbage(collection: u32, index: u32) -> Vec<u8> {
    catalog_pair(b'd', collection, index)
}

/// The range of all garbage records.
pub fn garbage_all() -> KeyRange {
    KeyRange::prefix(&[CATALOG, b'd'])
}

fn catalog_pair(tag: u8, collection: u32, index: u32) -> Vec<u8> {
    let mut key = vec![CATALOG, tag];
    key.extend_from_slice(&collection.to_be_bytes());
    key.extend_from_slice(&index.to_be_bytes());
    key
}

/// The collection and index numbers of a key of [`builds`] or [`garbage_all`].
pub fn parse_pair(key: &[u8]) -> Option<(u32, u32)> {
    let collection = key.get(2..6)?.try_into().ok()?;
    let index = key.get(6..10)?.try_into().ok()?;
    Some((u32::from_be_bytes(collection), u32::from_be_bytes(index)))
}

/// What every document key of the collection starts with.
pub fn document_prefix(collection: u32) -> [u8; DOCUMENT_PREFIX_LEN] {
    let [a, b, c, d] = collection.to_be_bytes();
    [DOCUMENT, a, b, c, d]
}

/// Writes a document's key to `key`, replacing what was there.
pub fn document(collection: u32, id: &str, key: &mut Vec<u8>) {
    key.clear();
    key.extend_from_slice(&document_prefix(collection));
    key.extend_from_slice(id.as_bytes());
}

/// The id in a document's key.
pub fn document_id(key: &[u8]) -> &[u8] {
    key.get(DOCUMENT_PREFIX_LEN..).unwrap_or_default()
}

/// The collection's number in a document key, if it is one.
pub fn document_collection(key: &[u8]) -> Option<u32> {
    match key {
        [DOCUMENT, a, b, c, d, ..] => Some(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => None,
    }
}

/// What every entry of the index starts with.
pub fn index_prefix(collection: u32, index: u32) -> [u8; INDEX_PREFIX_LEN] {
    let [a, b, c, d] = collection.to_be_bytes();
    let [e, f, g, h] = index.to_be_bytes();
    [INDEX, a, b, c, d, e, f, g, h]
}

/// What every entry of every index of the collection starts with.
pub fn indexes_prefix(collection: u32) -> [u8; DOCUMENT_PREFIX_LEN] {
    let [a, b, c, d] = collection.to_be_bytes();
    [INDEX, a, b, c, d]
}

/// What every key of the search index starts with.
pub fn search_prefix(collection: u32, index: u32) -> [u8; INDEX_PREFIX_LEN] {
    let mut prefix = index_prefix(collection, index);
    prefix[0] = SEARCH;
    prefix
}

/// What every key of every search index of the collection starts with.
pub fn searches_prefix(collection: u32) -> [u8; DOCUMENT_PREFIX_LEN] {
    let [a, b, c, d] = collection.to_be_bytes();
    [SEARCH, a, b, c, d]
}

/// The key of the collection's number of documents.
pub fn count(collection: u32) -> [u8; 5] {
    let [a, b, c, d] = collection.to_be_bytes();
    [COUNTER, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_key_gives_its_parts_back() {
        let mut key = b"old".to_vec();
        document(7, "é1", &mut key);
        assert_eq!(document_collection(&key), Some(7));
        assert_eq!(document_id(&key), "é1".as_bytes());
        assert_eq!(document_collection(&index_prefix(7, 1)), None);
    }

    #[test]
    fn a_garbage_key_gives_its_parts_back() {
        assert_eq!(parse_pair(&garbage(3, 9)), Some((3, 9)));
        assert_eq!(parse_pair(&[0, b'd', 1]), None);
        assert!(garbage_all().contains(&garbage(u32::MAX, u32::MAX)));
    }
}
