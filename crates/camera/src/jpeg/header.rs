//! What stands before a JPEG image's compressed data (ITU-T T.81, annex B).

use liveface_core::Reduction;

use super::huffman::{Table, standard};
use crate::picture::PictureError;

/// A block is 8 x 8 coefficients.
pub(super) const BLOCK: usize = 64;
/// Where the coefficients of a block lie, in the order in which they are written (T.81, figure A.6).
const ZIGZAG: [u8; BLOCK] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Row and column of written coefficient `index`.
pub(super) fn frequency(index: usize) -> (usize, usize) {
    let at = usize::from(ZIGZAG[index]);
    (at / 8, at % 8)
}

const fn damaged(what: &'static str) -> PictureError {
    PictureError::Damaged { what }
}

/// Who decodes the image.
pub(super) enum Parsed {
    /// What cameras send.
    Here(Header),
    /// A JPEG image of another kind.
    Elsewhere,
}

/// One colour component.
#[derive(Clone, Copy, Default)]
pub(super) struct Component {
    id: u8,
    /// Blocks of a minimum coded unit, across and down.
    pub(super) across: usize,
    pub(super) down: usize,
    /// The tables that it uses.
    pub(super) quantisation: usize,
    pub(super) dc: usize,
    pub(super) ac: usize,
}

/// A baseline image of one scan with one or three components.
#[derive(Clone, Copy)]
pub(super) struct Header {
    width: u16,
    height: u16,
    components: [Component; 3],
    count: usize,
    /// Minimum coded units between restart markers; 0 for none.
    pub(super) restart_interval: usize,
    /// Where the compressed data begins.
    pub(super) data: usize,
}

impl Header {
    /// Reads a frame header; `None` when the image is decoded elsewhere.
    fn read(segment: &[u8]) -> Result<Option<Self>, PictureError> {
        let cut_off = damaged("its size breaks off");
        let [precision, _, _, _, _, count, rest @ ..] = segment else { return Err(cut_off) };
        let (height, width) = (number(segment, 1), number(segment, 3));
        let (Some(height), Some(width)) = (height, width) else { return Err(cut_off) };
        if *count == 4 {
            return Err(PictureError::FourComponents);
        }
        if *precision != 8 || ![1, 3].contains(count) || width == 0 || height == 0 {
            return Ok(None);
        }
        let count = usize::from(*count);
        let mut components = [Component::default(); 3];
        for (index, component) in components.iter_mut().enumerate().take(count) {
            let Some([id, sampling, table]) = rest.get(index * 3..).and_then(<[u8]>::first_chunk)
            else {
                return Err(cut_off);
            };
            let (across, down) = (usize::from(sampling >> 4), usize::from(sampling & 15));
            if !(1..=4).contains(&across) || !(1..=4).contains(&down) || *table > 3 {
                return Err(damaged("a component's sampling is impossible"));
            }
            // A scan of one component goes block by block whatever its sampling.
            let (across, down) = if count == 1 { (1, 1) } else { (across, down) };
            let quantisation = usize::from(*table);
            *component = Component { id: *id, across, down, quantisation, ..Component::default() };
        }
        let luma = components[0];
        if components.iter().any(|c| c.across > luma.across || c.down > luma.down) {
            return Ok(None);
        }
        Ok(Some(Self { width, height, components, count, restart_interval: 0, data: 0 }))
    }

    /// Reads a scan header; `false` when the scan does not hold the whole image.
    fn read_scan(&mut self, segment: &[u8]) -> Result<bool, PictureError> {
        let Some((count, rest)) = segment.split_first() else {
            return Err(damaged("its data's header breaks off"));
        };
        if usize::from(*count) != self.count {
            return Ok(false);
        }
        for (index, component) in self.components.iter_mut().enumerate().take(self.count) {
            let Some([id, tables]) = rest.get(index * 2..).and_then(<[u8]>::first_chunk) else {
                return Err(damaged("its data's header breaks off"));
            };
            if *id != component.id {
                return Ok(false);
            }
            (component.dc, component.ac) = (usize::from(tables >> 4), usize::from(tables & 15));
            if component.dc > 3 || component.ac > 3 {
                return Err(damaged("a Huffman table has an impossible number"));
            }
        }
        Ok(true)
    }

    pub(super) fn size(&self) -> (u32, u32) {
        (self.width.into(), self.height.into())
    }

    pub(super) fn components(&self) -> &[Component] {
        &self.components[..self.count]
    }

    /// Columns and rows of minimum coded units.
    pub(super) fn units(&self) -> (usize, usize) {
        let luma = self.components[0];
        let units = |side: u16, blocks: usize| usize::from(side).div_ceil(8 * blocks);
        (units(self.width, luma.across), units(self.height, luma.down))
    }

    /// Width and height that a block of component `index` is decoded to, so that luma is reduced
    /// and the colours have half of luma's pixels each way. `None` when that is not a whole number
    /// or more than [`super::scan::AREA`] pixels.
    pub(super) fn block_size(&self, index: usize, reduction: Reduction) -> Option<(usize, usize)> {
        let (luma, own) = (self.components[0], self.components[index]);
        let colour = if index == 0 { 1 } else { 2 };
        let divisor = reduction.factor() as usize * colour;
        let side = |luma: usize, own: usize| {
            let pixels = 8 * luma;
            let side = pixels / (own * divisor);
            (side * own * divisor == pixels && side.is_power_of_two() && side <= 8).then_some(side)
        };
        let (width, height) = (side(luma.across, own.across)?, side(luma.down, own.down)?);
        (width * height <= super::scan::AREA).then_some((width, height))
    }

    pub(super) fn can_reduce(&self, reduction: Reduction) -> bool {
        (0..self.count).all(|index| self.block_size(index, reduction).is_some())
    }
}

/// The tables of the image that is being read; they are kept between images, because a camera sends
/// the same ones with every frame.
pub(super) struct Tables {
    /// In the order of the written coefficients.
    quantisation: [[u16; BLOCK]; 4],
    quantisation_given: [bool; 4],
    /// Those of first coefficients, then those of all others.
    huffman: [[Table; 4]; 2],
    huffman_given: [[bool; 4]; 2],
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            quantisation: [[0; BLOCK]; 4],
            quantisation_given: [false; 4],
            huffman: Default::default(),
            huffman_given: [[false; 4]; 2],
        }
    }
}

impl Tables {
    pub(super) fn quantisation(&self, component: &Component) -> &[u16; BLOCK] {
        &self.quantisation[component.quantisation]
    }

    pub(super) fn dc(&self, component: &Component) -> &Table {
        &self.huffman[0][component.dc]
    }

    pub(super) fn ac(&self, component: &Component) -> &Table {
        &self.huffman[1][component.ac]
    }

    /// Reads up to the compressed data.
    pub(super) fn read_header(&mut self, jpeg: &[u8]) -> Result<Parsed, PictureError> {
        if !jpeg.starts_with(&[0xFF, 0xD8]) {
            return Err(PictureError::Format);
        }
        self.quantisation_given = [false; 4];
        self.huffman_given = [[false; 4]; 2];
        let mut frame: Option<Header> = None;
        let (mut restart_interval, mut transform) = (0, None);
        let mut at = 2;
        loop {
            let (marker, segment) = next_segment(jpeg, &mut at)?;
            match marker {
                0xC4 => self.read_huffman(segment)?,
                0xC0 | 0xC1 => match Header::read(segment)? {
                    Some(header) => frame = Some(header),
                    None => return Ok(Parsed::Elsewhere),
                },
                0xC2..=0xCF if ![0xC8, 0xCC].contains(&marker) => {
                    // Progressive, lossless, arithmetic: but four components are refused there too.
                    Header::read(segment)?;
                    return Ok(Parsed::Elsewhere);
                }
                0xDB => self.read_quantisation(segment)?,
                0xDD => {
                    let Some(interval) = number(segment, 0) else {
                        return Err(damaged("a restart interval breaks off"));
                    };
                    restart_interval = usize::from(interval);
                }
                0xEE if segment.starts_with(b"Adobe") => transform = segment.get(11).copied(),
                0xDA => {
                    let Some(mut header) = frame else {
                        return Err(damaged("its data comes before its size"));
                    };
                    header.restart_interval = restart_interval;
                    header.data = at;
                    // Adobe's mark of RGB, and the ids that say so without it.
                    let rgb = header.count == 3
                        && (transform == Some(0) || header.components.map(|c| c.id) == *b"RGB");
                    if rgb || !header.read_scan(segment)? {
                        return Ok(Parsed::Elsewhere);
                    }
                    self.complete(&header)?;
                    return Ok(Parsed::Here(header));
                }
                _ => {}
            }
        }
    }

    /// Checks that every table of `header` is there. Webcams leave out the Huffman tables that the
    /// standard suggests.
    fn complete(&mut self, header: &Header) -> Result<(), PictureError> {
        for component in header.components() {
            if !self.quantisation_given[component.quantisation] {
                return Err(damaged("a quantisation table is missing"));
            }
            for (class, number) in [(0, component.dc), (1, component.ac)] {
                if !self.huffman_given[class][number] {
                    let Some((counts, symbols)) = standard(class, number) else {
                        return Err(damaged("a Huffman table is missing"));
                    };
                    self.huffman[class][number].define(&counts, symbols)?;
                }
            }
        }
        Ok(())
    }

    fn read_quantisation(&mut self, mut rest: &[u8]) -> Result<(), PictureError> {
        while let Some((head, values)) = rest.split_first() {
            let (size, number) = (1 + usize::from(head >> 4), usize::from(head & 15));
            let bytes = BLOCK * size;
            if size > 2 || number > 3 || values.len() < bytes {
                return Err(damaged("a quantisation table breaks off"));
            }
            for (value, bytes) in
                self.quantisation[number].iter_mut().zip(values.chunks_exact(size))
            {
                *value = bytes.iter().fold(0, |value, byte| value << 8 | u16::from(*byte));
            }
            self.quantisation_given[number] = true;
            rest = &values[bytes..];
        }
        Ok(())
    }

    fn read_huffman(&mut self, mut rest: &[u8]) -> Result<(), PictureError> {
        while let Some((head, after)) = rest.split_first() {
            let (class, number) = (usize::from(head >> 4), usize::from(head & 15));
            let broken = damaged("a Huffman table breaks off");
            let Some((counts, after)) = after.split_first_chunk::<16>() else {
                return Err(broken);
            };
            let symbols = counts.iter().map(|count| usize::from(*count)).sum();
            if class > 1 || number > 3 || after.len() < symbols {
                return Err(broken);
            }
            let (symbols, after) = after.split_at(symbols);
            self.huffman[class][number].define(counts, symbols)?;
            self.huffman_given[class][number] = true;
            rest = after;
        }
        Ok(())
    }
}

/// The marker that comes next and what its segment holds; `at` moves behind it.
fn next_segment<'j>(jpeg: &'j [u8], at: &mut usize) -> Result<(u8, &'j [u8]), PictureError> {
    let cut_off = damaged("it breaks off before its data");
    if jpeg.get(*at) != Some(&0xFF) {
        return Err(if *at < jpeg.len() {
            damaged("no marker where one must be")
        } else {
            cut_off
        });
    }
    // Any number of fill bytes may stand before a marker's code.
    let Some(fill) = jpeg[*at..].iter().position(|byte| *byte != 0xFF) else { return Err(cut_off) };
    let marker = jpeg[*at + fill];
    *at += fill + 1;
    if marker == 0x01 || (0xD0..=0xD7).contains(&marker) {
        return Ok((marker, &[]));
    }
    if marker == 0 || marker == 0xD8 || marker == 0xD9 {
        return Err(damaged("a marker stands where it cannot"));
    }
    let Some(length) = number(jpeg, *at) else { return Err(cut_off) };
    let segment = jpeg.get(*at + 2..*at + usize::from(length).max(2));
    let segment = segment.ok_or(cut_off)?;
    *at += 2 + segment.len();
    Ok((marker, segment))
}

/// The two-byte number at `at`.
fn number(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}
