//! A growing buffer that leaves no copy of its content behind.

use std::io::{Error, ErrorKind, Result, Seek, SeekFrom, Write};

use zeroize::Zeroizing;

/// Bytes that are wiped when they are dropped, and that are moved without leaving a copy when they
/// outgrow their place: a `Vec` frees the old place as it is.
#[derive(Default)]
pub(crate) struct Wiped {
    bytes: Zeroizing<Vec<u8>>,
    at: usize,
}

impl Wiped {
    pub(crate) fn into_inner(self) -> Zeroizing<Vec<u8>> {
        self.bytes
    }

    /// Makes room for `length` bytes in all.
    fn reserve(&mut self, length: usize) {
        if length > self.bytes.capacity() {
            let capacity = length.max(2 * self.bytes.capacity()).max(4096);
            let mut larger = Zeroizing::new(Vec::with_capacity(capacity));
            larger.extend_from_slice(&self.bytes);
            self.bytes = larger;
        }
    }
}

impl Write for Wiped {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let end = self.at + bytes.len();
        self.reserve(end);
        if end > self.bytes.len() {
            self.bytes.resize(end, 0);
        }
        self.bytes[self.at..end].copy_from_slice(bytes);
        self.at = end;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Seek for Wiped {
    /// Within what was written: nobody writes a gap.
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => usize::try_from(at).ok(),
            SeekFrom::End(by) => self.bytes.len().checked_add_signed(by as isize),
            SeekFrom::Current(by) => self.at.checked_add_signed(by as isize),
        };
        let at = at.filter(|at| *at <= self.bytes.len());
        self.at = at.ok_or_else(|| Error::from(ErrorKind::InvalidInput))?;
        Ok(self.at as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_a_vector_would(
            writes in proptest::collection::vec((any::<u16>(), 0usize..9000), 0..12)
        ) {
            let (mut own, mut plain) = (Wiped::default(), Cursor::new(Vec::new()));
            for (number, (seek, length)) in writes.into_iter().enumerate() {
                let at = u64::from(seek) % (plain.get_ref().len() as u64 + 1);
                own.seek(SeekFrom::Start(at)).unwrap();
                plain.set_position(at);
                let bytes = vec![number as u8; length];
                own.write_all(&bytes).unwrap();
                plain.write_all(&bytes).unwrap();
                prop_assert_eq!(own.stream_position().unwrap(), plain.position());
            }
            prop_assert!(own.seek(SeekFrom::End(1)).is_err());
            prop_assert!(own.seek(SeekFrom::Current(i64::MIN)).is_err());
            prop_assert_eq!(&**own.into_inner(), plain.get_ref());
        }
    }
}
