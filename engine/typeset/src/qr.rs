//! A QR code as SVG.

use qrcode::{Color, QrCode};

use crate::TypesetError;

/// Light modules around the code, as ISO/IEC 18004 wants them.
const QUIET: usize = 4;

/// Draws `text`.
pub(crate) fn svg(text: &str) -> Result<String, TypesetError> {
    let code = QrCode::new(text).map_err(|error| TypesetError::Failed(format!("QR code: {error}")))?;
    let width = code.width();
    let mut path = String::new();
    for (n, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            path.push_str(&format!("M{} {}h1v1h-1z", n % width + QUIET, n / width + QUIET));
        }
    }
    let size = width + 2 * QUIET;
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {size} {size}\"><rect width=\"{size}\" height=\"{size}\" \
         fill=\"#fff\"/><path d=\"{path}\" fill=\"#000\"/></svg>"
    ))
}
