//! QR codes (ISO/IEC 18004) as SVG, as PNG, and as text for a terminal.

use std::fmt::{self, Write as _};

use qrcode::{Color, EcLevel};

use crate::{Error, Result};

/// The light border that a reader needs, in modules.
const QUIET_ZONE: usize = 4;

/// The width of a module in a PNG, in pixels.
const PIXELS: usize = 8;

/// Black on white by number: unlike the first sixteen colours, no theme of a terminal changes these two.
const BLACK_ON_WHITE: &str = "\x1b[38;5;16;48;5;231m";
const AS_BEFORE: &str = "\x1b[0m";

/// A QR code. As it usually holds a secret, `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct QrCode {
    /// Row by row with the quiet zone: whether a module is dark.
    modules: Vec<bool>,
    width: usize,
}

impl QrCode {
    /// The smallest code for a text, at the medium level of error correction: up to 15 % of it may be unreadable.
    ///
    /// ```
    /// use jam::otp::QrCode;
    ///
    /// let code = QrCode::new("otpauth://totp/Jam:ann?secret=GEZDGNBVGY3TQOJQ&issuer=Jam")?;
    /// assert!(code.to_svg().starts_with("<svg "));
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Validation`] for a text that no QR code holds: they end at 2331 bytes.
    pub fn new(text: &str) -> Result<Self> {
        let code = qrcode::QrCode::with_error_correction_level(text, EcLevel::M)
            .map_err(|_| Error::validation("the text is too long for a QR code, which holds 2331 bytes"))?;
        let (inner, colors) = (code.width(), code.into_colors());
        let width = inner + 2 * QUIET_ZONE;
        let mut modules = vec![false; width * width];
        for (row, colors) in colors.chunks_exact(inner).enumerate() {
            let start = (row + QUIET_ZONE) * width + QUIET_ZONE;
            for (module, color) in modules[start..].iter_mut().zip(colors) {
                *module = *color == Color::Dark;
            }
        }
        Ok(Self { modules, width })
    }

    /// A document of SVG 1.1 without a size of its own: it takes the space it is given. It can stand in a page of HTML
    /// as it is.
    pub fn to_svg(&self) -> String {
        let width = self.width;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {width}\" shape-rendering=\"crispEdges\">\
             <path fill=\"#fff\" d=\"M0 0h{width}v{width}H0z\"/><path fill=\"#000\" d=\""
        );
        for (row, modules) in self.rows().enumerate() {
            let mut column = 0;
            for run in modules.chunk_by(|left, right| left == right) {
                if run[0] {
                    let _ = write!(svg, "M{column} {row}h{length}v1h-{length}z", length = run.len());
                }
                column += run.len();
            }
        }
        svg.push_str("\"/></svg>");
        svg
    }

    /// A PNG file in black and white, eight pixels for a module.
    pub fn to_png(&self) -> Vec<u8> {
        let size = self.width * PIXELS;
        // A module is as wide as a byte has bits.
        let rows = self.rows().flat_map(|modules| {
            let row: Vec<u8> = modules.iter().map(|&dark| if dark { 0x00 } else { 0xff }).collect();
            std::iter::repeat_n(row, PIXELS)
        });
        let rows: Vec<u8> = rows.flatten().collect();
        let mut file = Vec::new();
        // A QR code has at most 177 modules, and a vector takes every byte.
        let mut encoder = png::Encoder::new(&mut file, size as u32, size as u32);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        // As the PNG specification advises for fewer than eight bits in a pixel.
        encoder.set_filter(png::Filter::NoFilter);
        let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&rows));
        written.expect("the rows have the size of the header");
        file
    }

    /// Text for a terminal: two modules in one character. Escape sequences make it black on white, however dark the
    /// terminal is.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let light = vec![false; self.width];
        let rows: Vec<&[bool]> = self.rows().collect();
        for pair in rows.chunks(2) {
            let (upper, lower) = (pair[0], pair.get(1).copied().unwrap_or(&light));
            text.push_str(BLACK_ON_WHITE);
            text.extend(upper.iter().zip(lower).map(|halves| match halves {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            }));
            text.push_str(AS_BEFORE);
            text.push('\n');
        }
        text
    }

    fn rows(&self) -> impl Iterator<Item = &[bool]> {
        self.modules.chunks_exact(self.width)
    }
}

impl fmt::Debug for QrCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("QrCode").field("width", &self.width).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "otpauth://totp/Jam:ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Jam&algorithm=SHA1&digits=6&period=30";

    #[test]
    fn a_code_has_its_finder_patterns_and_its_quiet_zone() {
        let code = QrCode::new(URI).unwrap();
        let at = |row: usize, column: usize| code.modules[row * code.width + column];
        let inner = code.width - 2 * QUIET_ZONE;
        assert!((inner - 17).is_multiple_of(4), "{inner}");
        // 7 dark modules around 5 light ones around 3 dark ones.
        for (top, left) in [(0, 0), (0, inner - 7), (inner - 7, 0)] {
            for row in 0..7 {
                for column in 0..7 {
                    let from_edge: usize = [row, column, 6 - row, 6 - column].into_iter().min().unwrap();
                    assert_eq!(at(top + row + QUIET_ZONE, left + column + QUIET_ZONE), from_edge != 1);
                }
            }
        }
        for border in 0..QUIET_ZONE {
            for place in 0..code.width {
                let far = code.width - 1 - border;
                assert!(!at(border, place) && !at(far, place) && !at(place, border) && !at(place, far));
            }
        }
    }

    #[test]
    fn the_svg_draws_exactly_the_dark_modules() {
        let code = QrCode::new(URI).unwrap();
        let svg = code.to_svg();
        let path = svg.split("<path fill=\"#000\" d=\"").nth(1).unwrap().split('"').next().unwrap();
        let mut drawn = vec![false; code.modules.len()];
        for run in path.split('M').skip(1) {
            let numbers: Vec<usize> = run
                .split(|character: char| !character.is_ascii_digit())
                .filter_map(|number| number.parse().ok())
                .collect();
            let [column, row, length, 1, back] = numbers[..] else { panic!("{run}") };
            assert_eq!(length, back);
            for place in column..column + length {
                assert!(!std::mem::replace(&mut drawn[row * code.width + place], true));
            }
        }
        assert_eq!(drawn, code.modules);
        assert!(svg.contains(&format!("viewBox=\"0 0 {0} {0}\"", code.width)) && svg.ends_with("</svg>"));
    }

    #[test]
    fn the_png_shows_exactly_the_dark_modules() {
        let code = QrCode::new(URI).unwrap();
        let file = code.to_png();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&file)).read_info().unwrap();
        let mut rows = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut rows).unwrap();
        assert_eq!((frame.width as usize, frame.height as usize), (code.width * PIXELS, code.width * PIXELS));
        for (index, byte) in rows.iter().enumerate() {
            let (row, column) = (index / code.width / PIXELS, index % code.width);
            assert_eq!(*byte, if code.modules[row * code.width + column] { 0 } else { 0xff });
        }
    }

    #[test]
    fn the_text_shows_exactly_the_dark_modules_whatever_the_colours_of_the_terminal() {
        let code = QrCode::new(URI).unwrap();
        let text = code.to_text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), code.width.div_ceil(2));
        for (index, line) in lines.iter().enumerate() {
            let shown = line.strip_prefix(BLACK_ON_WHITE).unwrap().strip_suffix(AS_BEFORE).unwrap();
            assert_eq!(shown.chars().count(), code.width);
            for (column, character) in shown.chars().enumerate() {
                let dark = |row: usize| code.modules.get(row * code.width + column).copied().unwrap_or(false);
                let (upper, lower) = (dark(2 * index), dark(2 * index + 1));
                assert_eq!((upper, lower), (matches!(character, '█' | '▀'), matches!(character, '█' | '▄')));
            }
        }
    }

    #[test]
    fn the_largest_code_holds_what_is_said_and_no_more() {
        let largest = QrCode::new(&"a".repeat(2331)).unwrap();
        assert_eq!(largest.width, 177 + 2 * QUIET_ZONE);
        assert!(!largest.to_png().is_empty());
        assert!(matches!(QrCode::new(&"a".repeat(2332)), Err(Error::Validation(_))));
        assert!(QrCode::new("").is_ok());
    }
}
