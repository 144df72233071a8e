//! Huffman codes of JPEG data (ITU-T T.81, annexes C and F).

use crate::picture::PictureError;

/// Bits that are looked up at once: with the usual tables nearly every code with its value.
const LOOKUP: u32 = 10;
/// The run that stands for "no more coefficients in this block".
pub(super) const END: usize = 64;

/// A Huffman table.
pub(super) struct Table {
    counts: [u8; 16],
    symbols: Vec<u8>,
    /// What the next [`LOOKUP`] bits begin with.
    lookup: Box<[Entry; 1 << LOOKUP]>,
    /// One past the last code of each length, aligned to 16 bits.
    limit: [u32; 16],
    /// Symbol index of a code of each length, less the code.
    offset: [i32; 16],
}

/// A code and, where it fits in the bits that are looked up, the value behind it.
#[derive(Clone, Copy, Default)]
struct Entry {
    /// Bits that are used up; 0 when the code is longer.
    length: u8,
    /// Zero coefficients before the value, or [`END`].
    run: u8,
    /// Bits of the value that follow.
    follow: u8,
    value: i16,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            counts: [0; 16],
            symbols: Vec::new(),
            lookup: Box::new([Entry::default(); 1 << LOOKUP]),
            limit: [0; 16],
            offset: [0; 16],
        }
    }
}

impl Table {
    /// Makes the table of `counts` codes of 1 to 16 bits for `symbols`; does nothing when it is
    /// that table already.
    pub(super) fn define(&mut self, counts: &[u8; 16], symbols: &[u8]) -> Result<(), PictureError> {
        if self.counts == *counts && self.symbols == symbols {
            return Ok(());
        }
        self.counts = *counts;
        self.symbols.clear();
        self.symbols.extend_from_slice(symbols);
        self.lookup.fill(Entry::default());
        let (mut code, mut index) = (0u32, 0usize);
        for (length, count) in (1..).zip(counts) {
            let last = code + u32::from(*count);
            if last > 1 << length {
                // What was made so far is of no use.
                self.symbols.clear();
                return Err(PictureError::Damaged { what: "a Huffman table has too many codes" });
            }
            let at = length as usize - 1;
            self.limit[at] = last << (16 - length);
            self.offset[at] = index as i32 - code as i32;
            while code < last {
                self.look_up(code, length, symbols[index]);
                (code, index) = (code + 1, index + 1);
            }
            code <<= 1;
        }
        Ok(())
    }

    /// Enters a code, with every value behind it that fits.
    fn look_up(&mut self, code: u32, length: u32, symbol: u8) {
        let Some(free) = LOOKUP.checked_sub(length) else { return };
        let (run, size) = split(symbol);
        let first = (code << free) as usize;
        for (behind, entry) in self.lookup[first..first + (1 << free)].iter_mut().enumerate() {
            *entry = if size <= free {
                let value = extend(behind as u64 >> (free - size), size);
                Entry { length: (length + size) as u8, run, follow: 0, value: value as i16 }
            } else {
                Entry { length: length as u8, run, follow: size as u8, value: 0 }
            };
        }
    }

    /// The next code's run of zeros and the value that follows them; `None` when no code is like
    /// that. `bits` must hold 32.
    #[inline]
    pub(super) fn next(&self, bits: &mut Bits<'_>) -> Option<(usize, i32)> {
        let entry = self.lookup[bits.peek(LOOKUP) as usize];
        if entry.length > 0 {
            bits.skip(u32::from(entry.length));
            let value = match entry.follow {
                0 => i32::from(entry.value),
                size => bits.value(u32::from(size)),
            };
            return Some((usize::from(entry.run), value));
        }
        self.next_long(bits)
    }

    #[cold]
    fn next_long(&self, bits: &mut Bits<'_>) -> Option<(usize, i32)> {
        let code = bits.peek(16) as u32;
        let at = self.limit.iter().position(|limit| code < *limit)?;
        let length = at as u32 + 1;
        let index = (code >> (16 - length)) as i32 + self.offset[at];
        let (run, size) = split(*self.symbols.get(usize::try_from(index).ok()?)?);
        bits.skip(length);
        Some((usize::from(run), bits.value(size)))
    }
}

/// A symbol's run of zeros and the bits of its value.
fn split(symbol: u8) -> (u8, u32) {
    match (symbol >> 4, symbol & 15) {
        (run, size @ 1..) => (run, u32::from(size)),
        // Sixteen zeros: fifteen and a value of zero.
        (15, _) => (15, 0),
        _ => (END as u8, 0),
    }
}

/// A value of `size` bits: the lower half of them stand for negative ones (T.81, figure F.12).
fn extend(bits: u64, size: u32) -> i32 {
    let bits = bits as i32;
    if size > 0 && bits < 1 << (size - 1) { bits - (1 << size) + 1 } else { bits }
}

/// Reads bits from compressed data without stuffing. Behind its end there are zeros.
pub(super) struct Bits<'d> {
    data: &'d [u8],
    at: usize,
    /// The next bits, from the highest on.
    held: u64,
    count: u32,
    /// Bytes that were made up behind the end.
    missing: u32,
}

impl<'d> Bits<'d> {
    pub(super) fn new(data: &'d [u8]) -> Self {
        Self { data, at: 0, held: 0, count: 0, missing: 0 }
    }

    /// Whether more was read than there was.
    pub(super) fn overrun(&self) -> bool {
        self.missing * 8 > self.count
    }

    /// Holds at least 32 bits.
    #[inline]
    pub(super) fn fill(&mut self) {
        if self.count >= 32 {
            return;
        }
        if let Some(next) = self.data.get(self.at..).and_then(<[u8]>::first_chunk) {
            self.held |= u64::from_be_bytes(*next) >> self.count;
            self.at += (63 - self.count as usize) / 8;
            self.count |= 56;
        } else {
            self.fill_end();
        }
    }

    #[cold]
    fn fill_end(&mut self) {
        while self.count < 32 {
            let byte = self.data.get(self.at).copied();
            self.missing = self.missing.saturating_add(u32::from(byte.is_none()));
            self.at += usize::from(byte.is_some());
            self.held |= u64::from(byte.unwrap_or(0)) << (56 - self.count);
            self.count += 8;
        }
    }

    #[inline]
    fn peek(&self, count: u32) -> u64 {
        self.held >> (64 - count)
    }

    #[inline]
    fn skip(&mut self, count: u32) {
        self.held <<= count;
        self.count -= count;
    }

    /// The value in the next `size` bits, at most 15.
    #[inline]
    fn value(&mut self, size: u32) -> i32 {
        if size == 0 {
            return 0;
        }
        let value = extend(self.peek(size), size);
        self.skip(size);
        value
    }
}

/// The table that T.81 suggests for first (`class` 0) or other (1) coefficients of luma (`number`
/// 0) or colour (1): tables K.3 to K.6.
pub(super) fn standard(class: usize, number: usize) -> Option<([u8; 16], &'static [u8])> {
    Some(match (class, number) {
        (0, 0) => ([0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], &DC),
        (0, 1) => ([0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], &DC),
        (1, 0) => ([0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125], &AC_LUMA),
        (1, 1) => ([0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119], &AC_COLOUR),
        _ => return None,
    })
}

const DC: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
const AC_LUMA: [u8; 162] = [
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07,
    0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xA1, 0x08, 0x23, 0x42, 0xB1, 0xC1, 0x15, 0x52, 0xD1, 0xF0,
    0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0A, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x25, 0x26, 0x27, 0x28,
    0x29, 0x2A, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49,
    0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69,
    0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
    0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7,
    0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3, 0xC4, 0xC5,
    0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xE1, 0xE2,
    0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8,
    0xF9, 0xFA,
];
const AC_COLOUR: [u8; 162] = [
    0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71,
    0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xA1, 0xB1, 0xC1, 0x09, 0x23, 0x33, 0x52, 0xF0,
    0x15, 0x62, 0x72, 0xD1, 0x0A, 0x16, 0x24, 0x34, 0xE1, 0x25, 0xF1, 0x17, 0x18, 0x19, 0x1A, 0x26,
    0x27, 0x28, 0x29, 0x2A, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,
    0x49, 0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68,
    0x69, 0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87,
    0x88, 0x89, 0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5,
    0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3,
    0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA,
    0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8,
    0xF9, 0xFA,
];
