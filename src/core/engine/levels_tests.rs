use super::Levels;
use crate::engine::table_info::TableInfo;

fn table(id: u64, max_position: u64, smallest: &str, largest: &str) -> TableInfo {
    TableInfo {
        id,
        data_parts: 1,
        meta_parts: 1,
        entries: 2,
        deletes: 0,
        raw_bytes: 100,
        stored_bytes: 100,
        min_position: 1,
        max_position,
        smallest: smallest.into(),
        largest: largest.into(),
    }
}

fn levels(tables: &[(u32, TableInfo)]) -> Levels {
    Levels::default().replaced(&[], tables).unwrap()
}

fn ids_with(levels: &Levels, key: &str) -> Vec<u64> {
    levels.tables_with(key.as_bytes()).map(|table| table.id).collect()
}

#[test]
fn a_key_is_looked_up_newest_first_and_once_in_each_deeper_level() {
    let levels = levels(&[
        (0, table(1, 5, "a", "m")),
        (0, table(2, 9, "f", "z")),
        (1, table(3, 4, "a", "f")),
        (1, table(4, 4, "h", "p")),
        (2, table(5, 3, "a", "z")),
    ]);
    assert_eq!(ids_with(&levels, "g"), [2, 1, 5]);
    assert_eq!(ids_with(&levels, "h"), [2, 1, 4, 5]);
    assert_eq!(ids_with(&levels, "f"), [2, 1, 3, 5]);
    assert_eq!(ids_with(&levels, "zz"), [0u64; 0]);
    assert_eq!((levels.depth(), levels.tables().count()), (2, 5));
}

#[test]
fn an_edit_that_does_not_fit_is_refused() {
    let levels = levels(&[(1, table(1, 5, "a", "f")), (1, table(2, 5, "h", "z"))]);
    for (removed, added) in [
        (vec![9], vec![]),
        (vec![], vec![(1, table(3, 5, "f", "g"))]),
        (vec![], vec![(2, table(1, 5, "a", "b"))]),
        (vec![], vec![(99, table(3, 5, "a", "b"))]),
    ] {
        assert!(levels.replaced(&removed, &added).is_err());
    }
    let moved = levels.replaced(&[1], &[(2, table(1, 5, "a", "f"))]).unwrap();
    assert_eq!((moved.level(1).len(), moved.level(2).len(), levels.level(1).len()), (1, 1, 2));
}
