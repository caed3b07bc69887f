//! Reading hostile bytes: every step is checked, nothing panics, nothing is copied.
//!
//! Not a parser of any format; each format's file says what it expects, in which order.

use super::{varint, Error, Result};

/// Takes fields off the front of a byte slice. After an error it stays where it was.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// What is left.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many bytes are left.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let (head, tail) = self.bytes.split_at_checked(n).ok_or_else(cut_short)?;
        self.bytes = tail;
        Ok(head)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, tail) = self.bytes.split_first_chunk::<N>().ok_or_else(cut_short)?;
        self.bytes = tail;
        Ok(*head)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Two bytes, little-endian.
    pub fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// Four bytes, little-endian.
    pub fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes, little-endian.
    pub fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A variable-length number.
    pub fn varint(&mut self) -> Result<u64> {
        varint::read_varint(&mut self.bytes)
    }

    /// A variable-length number that must fit 32 bits.
    pub fn varint_u32(&mut self) -> Result<u32> {
        let mut ahead = *self;
        let value = u32::try_from(ahead.varint()?).map_err(|_| Error::corrupt("number exceeds 32 bits"))?;
        *self = ahead;
        Ok(value)
    }

    /// A count of things of at least `size_min` bytes each that follow. More than could follow is corrupt, so the
    /// answer is safe to allocate for.
    pub fn count(&mut self, size_min: usize) -> Result<usize> {
        let mut ahead = *self;
        let count = usize::try_from(ahead.varint()?).unwrap_or(usize::MAX);
        if count > ahead.len() / size_min.max(1) {
            return Err(cut_short());
        }
        *self = ahead;
        Ok(count)
    }

    /// A slice after its length as a varint.
    pub fn slice(&mut self) -> Result<&'a [u8]> {
        if let [len @ 0..=0x7f, rest @ ..] = self.bytes {
            let (slice, rest) = rest.split_at_checked(usize::from(*len)).ok_or_else(cut_short)?;
            self.bytes = rest;
            return Ok(slice);
        }
        let mut ahead = *self;
        let len = ahead.count(1)?;
        let slice = ahead.take(len)?;
        *self = ahead;
        Ok(slice)
    }

    /// UTF-8 text after its length in bytes as a varint.
    pub fn text(&mut self) -> Result<&'a str> {
        let mut ahead = *self;
        let text = std::str::from_utf8(ahead.slice()?).map_err(|_| Error::corrupt("text is not UTF-8"))?;
        *self = ahead;
        Ok(text)
    }

    /// Nothing must be left.
    ///
    /// # Errors
    /// `Corrupt` if something is. `what` names what was read.
    pub fn finish(self, what: &str) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        Err(Error::corrupt(format!("{what} has {} bytes too many", self.len())))
    }
}

/// Appends the length of `slice` as a varint, and `slice`.
pub fn write_slice(out: &mut Vec<u8>, slice: &[u8]) {
    varint::write_varint(out, slice.len() as u64);
    out.extend_from_slice(slice);
}

#[cold]
fn cut_short() -> Error {
    Error::corrupt("data is cut short")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_come_back_in_the_order_they_were_written() {
        let mut out = vec![7];
        out.extend_from_slice(&0x0102u16.to_le_bytes());
        out.extend_from_slice(&0x0102_0304u32.to_le_bytes());
        out.extend_from_slice(&u64::MAX.to_le_bytes());
        varint::write_varint(&mut out, 300);
        write_slice(&mut out, "größer".as_bytes());
        let mut reader = Reader::new(&out);
        assert_eq!(reader.u8().unwrap(), 7);
        assert_eq!(reader.u16().unwrap(), 0x0102);
        assert_eq!(reader.u32().unwrap(), 0x0102_0304);
        assert_eq!(reader.u64().unwrap(), u64::MAX);
        assert_eq!(reader.varint().unwrap(), 300);
        assert_eq!(reader.text().unwrap(), "größer");
        reader.finish("it").unwrap();
    }

    #[test]
    fn a_count_beyond_what_can_follow_is_refused_before_anybody_allocates() {
        let mut out = Vec::new();
        varint::write_varint(&mut out, u64::MAX);
        assert!(Reader::new(&out).count(1).is_err());
        assert!(Reader::new(&out).slice().is_err());
        assert!(Reader::new(&[3, 0, 0, 0, 0, 0]).count(2).is_err());
        assert_eq!(Reader::new(&[2, 0, 0, 0, 0]).count(2).unwrap(), 2);
    }

    proptest! {
        #[test]
        fn no_input_panics_and_an_error_moves_nothing(bytes: Vec<u8>, steps: Vec<(u8, usize)>) {
            let mut reader = Reader::new(&bytes);
            for (step, n) in steps {
                let before = reader.len();
                let failed = match step % 9 {
                    0 => reader.u8().is_err(),
                    1 => reader.u16().is_err(),
                    2 => reader.u32().is_err(),
                    3 => reader.u64().is_err(),
                    4 => reader.varint().is_err(),
                    5 => reader.varint_u32().is_err(),
                    6 => reader.slice().is_err(),
                    7 => reader.text().is_err(),
                    _ => reader.take(n).is_err(),
                };
                prop_assert!(!failed || reader.len() == before);
            }
        }
    }
}
