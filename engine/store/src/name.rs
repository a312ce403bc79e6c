//! Names of subjects in the form in which they are compared.

/// The name without blanks, with ASCII width, brackets and capitals: `Ａcme （杭州） 有限公司` → `ACME(杭州)有限公司`.
///
/// Only what writers do not mean to differ is levelled; characters that look alike stay apart.
pub fn normalise(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '\u{200b}'..='\u{200d}' | '\u{feff}'))
        .map(|c| match c {
            '\u{ff01}'..='\u{ff5e}' => {
                // Full-width forms lie at a fixed distance from ASCII.
                char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c)
            }
            '〔' | '【' => '(',
            '〕' | '】' => ')',
            '•' | '・' => '·',
            c => c,
        })
        .map(|c| c.to_ascii_uppercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn what_writers_do_not_mean_to_differ_is_levelled() {
        assert_eq!(normalise(" Ａcme （杭州） 有限公司\u{3000}"), "ACME(杭州)有限公司");
        assert_eq!(normalise("甲•乙"), normalise("甲·乙"));
        assert_ne!(normalise("末来公司"), normalise("未来公司"));
    }
}
