//! Where a page ended: an opaque text that says behind which document the next page begins.
//!
//! It names a place in an order, not a document: the document may be gone when the token is used.

use crate::base::{write_slice, Error, Reader, Result};

use super::super::json::base64;
use super::super::plan::Order;

const FORMAT: u8 = 1;

/// A place in an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The last document's sort key.
    pub sort_key: Vec<u8>,
    /// The last document's id.
    pub id: Vec<u8>,
}

impl Token {
    /// The token's text for results in `order`.
    pub fn write(&self, order: &Order) -> String {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&fingerprint(order).to_le_bytes());
        write_slice(&mut bytes, &self.sort_key);
        bytes.extend_from_slice(&self.id);
        let mut text = Vec::new();
        base64::encode(&bytes, &mut text);
        String::from_utf8(text).unwrap_or_default()
    }

    /// Reads a token for results in `order`.
    ///
    /// # Errors
    /// `Invalid` if it is no token, or was given for another order.
    pub fn parse(text: &str, order: &Order) -> Result<Self> {
        let wrong = |what: &str| Error::invalid(format!("after: {what}: pass the 'next' of a page of the same query"));
        let bytes = base64::decode(text.as_bytes()).ok_or_else(|| wrong("this is no page token"))?;
        let mut reader = Reader::new(&bytes);
        let read = |reader: &mut Reader<'_>| Ok::<_, Error>((reader.u8()?, reader.u32()?, reader.slice()?.to_vec()));
        let (format, print, sort_key) = read(&mut reader).map_err(|_| wrong("this is no page token"))?;
        if format != FORMAT || print != fingerprint(order) {
            return Err(wrong("the token belongs to another sort"));
        }
        Ok(Self { sort_key, id: reader.rest().to_vec() })
    }
}

fn fingerprint(order: &Order) -> u32 {
    let mut text = Vec::new();
    for field in &order.fields {
        write_slice(&mut text, field.path.as_bytes());
        text.push(u8::from(field.descending));
    }
    text.push(u8::from(order.id_descending));
    crate::base::checksum(&text) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::plan::OrderField;
    use super::*;

    fn order(path: &str, descending: bool) -> Order {
        Order::new(vec![OrderField { path: path.into(), descending }], true)
    }

    proptest! {
        #[test]
        fn a_token_comes_back_for_its_order_and_no_other(sort_key: Vec<u8>, id: Vec<u8>, descending: bool) {
            let token = Token { sort_key, id };
            let text = token.write(&order("a", descending));
            prop_assert_eq!(Token::parse(&text, &order("a", descending)).unwrap(), token);
            prop_assert!(Token::parse(&text, &order("a", !descending)).is_err());
            prop_assert!(Token::parse(&text, &order("b", descending)).is_err());
        }

        #[test]
        fn hostile_text_is_refused_without_a_panic(text: String, bytes: Vec<u8>) {
            let _ = Token::parse(&text, &Order::default());
            let mut encoded = Vec::new();
            base64::encode(&bytes, &mut encoded);
            let _ = Token::parse(&String::from_utf8(encoded).unwrap(), &Order::default());
        }
    }
}
