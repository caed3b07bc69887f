use proptest::prelude::*;

use crate::collections::Value;

use super::dependency::{decode_interests, encode_interests, Aspect, Dependency, Grouped, Interest};
use super::entry::{Entry, Terms};
use super::keys::{self, Address};

fn document(collection: &str, id: &str) -> Dependency {
    Dependency::Document { collection: collection.into(), id: id.into() }
}

fn query(collection: &str, filter: &str) -> Dependency {
    let interest = Interest { aspect: Aspect::Content, filter: filter.as_bytes().to_vec(), now_ms: 0.0, window: None };
    Dependency::Query { collection: collection.into(), interest }
}

fn entry(dependencies: &[Dependency]) -> Entry {
    let terms = Terms {
        created: 1_700_000_000_000,
        touched: 1_700_000_000_001,
        ttl: Some(0),
        weight: Some(7),
        tags: vec!["a".into(), "b".into()],
        ..Terms::default()
    };
    let mut grouped = Grouped::new(dependencies);
    grouped.queries.iter_mut().for_each(|(_, interests)| interests.clear());
    Entry { terms, computed: true, place: 3, size: 99, grouped, json: b"{\"n\":1}".to_vec(), ..Entry::default() }
}

#[test]
fn an_entry_comes_back_from_its_bytes() {
    let of = Dependency::Entry(Address::new(2, "other"));
    let entry = entry(&[document("notes", "1"), query("notes", "{\"a\":1}"), of]);
    assert_eq!(Entry::decode(&entry.encode()).unwrap(), entry);
    let plain = Entry { computed: false, grouped: Grouped::default(), ..entry };
    assert_eq!(Entry::decode(&plain.encode()).unwrap(), plain);
}

#[test]
fn equal_dependencies_count_once_and_a_whole_collection_covers_its_documents() {
    let grouped =
        Grouped::new(&[document("c", "1"), document("c", "1"), query("d", "{\"a\":1}"), query("d", "{\"a\":1}")]);
    assert_eq!((grouped.documents.len(), grouped.queries[0].1.len()), (1, 1));
    let grouped = Grouped::new(&[document("c", "1"), document("d", "1"), query("c", ""), query("c", "{\"a\":1}")]);
    assert_eq!(grouped.documents, [("d".into(), "1".into())]);
    assert_eq!(grouped.queries, [("c".into(), vec![Interest::all()])]);
}

#[test]
fn thousands_of_documents_count_as_their_collection() {
    let many: Vec<_> = (0..5000).map(|n| document("c", &n.to_string())).collect();
    let grouped = Grouped::new(&many);
    assert_eq!((grouped.documents.len(), grouped.queries.len()), (0, 1));
}

#[test]
fn addresses_are_read_from_the_end_of_every_key() {
    let address = Address::new(7, "é\0x");
    let key = keys::document("notes", "i\0d", &address);
    let rest = key.strip_prefix(keys::document_prefix("notes", "i\0d").as_slice()).unwrap();
    assert_eq!(keys::read_address(rest).unwrap(), address);
    assert_eq!(keys::entry_address(&keys::entry(&address)), Some(address));
    assert_eq!(keys::entry_address(b"\x05e\0"), None);
}

#[test]
fn what_an_entry_was_computed_from_is_read_from_its_keys() {
    let (address, of) = (Address::new(7, "k\0"), Address::new(3, "öther"));
    let check = |key: &[u8], source| assert_eq!(keys::read_source(key), Some((source, address.clone())));
    check(&keys::document("notes", "i\0d", &address), keys::Source::Document("notes", "i\0d"));
    check(&keys::queries("notes", &address), keys::Source::Query("notes"));
    check(&keys::dependent(&of, &address), keys::Source::Entry(of.clone()));
    assert_eq!(keys::read_source(&keys::entry(&address)), None);
}

#[test]
fn a_filter_that_no_longer_parses_matches_everything() {
    let watches = decode_interests(&encode_interests(&[Interest {
        aspect: Aspect::Content,
        filter: b"{\"a\":{\"$gone\":1}}".to_vec(),
        now_ms: 0.0,
        window: None,
    }]))
    .unwrap();
    let mut stored = Vec::new();
    let value = Value::Object(vec![("id".into(), Value::String("1".into()))]);
    crate::collections::document::encode_value(&value, 0, &mut stored).unwrap();
    let new = crate::collections::Document::parse(&stored).unwrap();
    let change = crate::collections::view::Change { id: "1", old: None, new: Some(new) };
    assert!(watches[0].is_concerned(&change));
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes: Vec<u8>, cut in 0usize..80, flip in 0usize..80, with: u8) {
        let _ = Entry::decode(&bytes);
        let _ = decode_interests(&bytes);
        let _ = keys::read_address(&bytes);
        let _ = keys::read_source(&bytes);
        let mut damaged = entry(&[document("notes", "1"), query("notes", "{}")]).encode();
        if let Some(byte) = damaged.get_mut(flip) {
            *byte ^= with;
        }
        damaged.truncate(cut.max(1));
        let _ = Entry::decode(&damaged);
    }
}
