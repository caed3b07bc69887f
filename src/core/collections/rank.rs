//! The id as the last part of an order: in index keys and in sort keys the same bytes.
//!
//! Equal sort keys are ordered by id, in the direction of the last sort field, so that an index walked either way
//! gives the very order that sorting in memory gives. It is not the id in a document's key: that one is plain.

use std::borrow::Cow;

/// Appends `id`: plain when ascending; inverted, escaped and terminated when descending.
pub fn write_id(id: &[u8], descending: bool, out: &mut Vec<u8>) {
    if !descending {
        return out.extend_from_slice(id);
    }
    for &byte in id {
        out.push(!byte);
        if byte == 0 {
            out.push(0);
        }
    }
    out.extend_from_slice(&[0xff, 0xfe]);
}

/// Reads what `write_id` wrote. `None` if nobody wrote that.
pub fn read_id(bytes: &[u8], descending: bool) -> Option<Cow<'_, [u8]>> {
    if !descending {
        return Some(Cow::Borrowed(bytes));
    }
    let mut id = Vec::with_capacity(bytes.len());
    let mut rest = bytes.strip_suffix(&[0xff, 0xfe])?.iter();
    while let Some(&byte) = rest.next() {
        id.push(!byte);
        if byte == 0xff && rest.next() != Some(&0) {
            return None;
        }
    }
    Some(Cow::Owned(id))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_come_back_and_descend(a in "[\0a\u{ff}]{0,4}", b in "[\0a\u{ff}]{0,4}") {
            let written = |id: &str| {
                let mut out = Vec::new();
                write_id(id.as_bytes(), true, &mut out);
                out
            };
            prop_assert_eq!(read_id(&written(&a), true).unwrap().into_owned(), a.as_bytes().to_vec());
            prop_assert_eq!(written(&a).cmp(&written(&b)), b.cmp(&a));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes: Vec<u8>, descending: bool) {
            let _ = read_id(&bytes, descending);
        }
    }
}
