//! A QR code as the path of a drawing, for reports that are printed from the browser.

use qrcode::{Color, QrCode};

/// Light modules around the code, as ISO/IEC 18004 wants them.
const QUIET: usize = 4;

/// A drawing of one unit a module.
pub(crate) struct Drawing {
    /// Width and height, the quiet zone included.
    pub(crate) size: usize,
    /// The dark modules.
    pub(crate) path: String,
}

/// Draws a text; `None` when it is too long for a code.
pub(crate) fn draw(text: &str) -> Option<Drawing> {
    let code = QrCode::new(text).ok()?;
    let width = code.width();
    let dark = code.to_colors().into_iter().enumerate().filter(|(_, color)| *color == Color::Dark);
    let path = dark.map(|(n, _)| format!("M{} {}h1v1h-1z", n % width + QUIET, n / width + QUIET)).collect();
    Some(Drawing { size: width + 2 * QUIET, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_three_finders_and_a_quiet_zone() {
        let drawing = draw("HX20261031-0000000001").expect("a code");
        let last = drawing.size - QUIET - 1;
        for corner in [(QUIET, QUIET), (last, QUIET), (QUIET, last)] {
            assert!(drawing.path.contains(&format!("M{} {}h1", corner.0, corner.1)), "{corner:?}");
        }
        assert!(!drawing.path.contains("M0 ") && !drawing.path.contains("M3 "));
        assert!(draw(&"x".repeat(5000)).is_none());
    }
}
