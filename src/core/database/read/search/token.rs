//! Where a page of search results ended: the last match's number and score.
//!
//! It names a place in the order of scores; the document may be gone when the token is used.

use crate::base::{Error, Reader, Result};
use crate::collections::json::base64;
use crate::search::evaluate::Hit;

const FORMAT: u8 = 2;

/// The place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ScoreToken {
    pub(super) hit: Hit,
}

impl ScoreToken {
    pub(super) fn write(self) -> String {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&self.hit.doc.to_le_bytes());
        bytes.extend_from_slice(&self.hit.score.to_le_bytes());
        let mut text = Vec::new();
        base64::encode(&bytes, &mut text);
        String::from_utf8(text).unwrap_or_default()
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        let wrong = || Error::invalid("after: this is no token of this search: pass the 'next' of a page of it");
        let bytes = base64::decode(text.as_bytes()).ok_or_else(wrong)?;
        let mut reader = Reader::new(&bytes);
        let read = |reader: &mut Reader<'_>| Ok::<_, Error>((reader.u8()?, reader.u32()?, reader.array()?));
        let (format, doc, score) = read(&mut reader).map_err(|_| wrong())?;
        let score = f32::from_le_bytes(score);
        if format != FORMAT || score.is_nan() || !reader.is_empty() {
            return Err(wrong());
        }
        Ok(Self { hit: Hit { doc, score } })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_token_comes_back(doc: u32, score in 0.0f32..1000.0) {
            let token = ScoreToken { hit: Hit { doc, score } };
            prop_assert_eq!(ScoreToken::parse(&token.write()).unwrap(), token);
        }

        #[test]
        fn hostile_text_is_refused_without_a_panic(text: String) {
            let _ = ScoreToken::parse(&text);
        }
    }
}
