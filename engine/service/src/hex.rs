//! Digests in hexadecimal.

/// 64 lower-case digits.
pub fn hex(digest: &[u8; 32]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(64);
    for byte in digest {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// The digest a text of 64 digits stands for. Digests of the catalogue are made by this program; any other text gives
/// a digest that equals none.
pub fn unhex(text: &str) -> [u8; 32] {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok()).unwrap_or(0);
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
        if let [high, low] = pair {
            *byte = digit(*high) << 4 | digit(*low);
        }
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let digest = std::array::from_fn(|i| u8::try_from(i * 7 % 256).expect("below 256"));
        assert_eq!(unhex(&hex(&digest)), digest);
        assert_eq!(hex(&[0xab; 32]), "ab".repeat(32));
    }
}
