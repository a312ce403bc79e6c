//! Names that would be markup, turn the text around or never end, and very many records.

use std::time::Instant;

use fantoccini::Locator;

use crate::browser::{Browser, Script, browse};
use crate::served::{AS_OF, MANY, MARKUP, TURNED, code, long, open};

#[test]
fn a_name_that_would_be_markup_is_shown_as_it_is() {
    browse(Script::Runs, async |browser: &Browser| {
        for path in ["", "/change"] {
            browser.open(&format!("{}/enterprises/{}{path}?as_of={AS_OF}", open(), code(1))).await;
            assert!(browser.read("h1").await.contains(MARKUP), "{}", browser.read("h1").await);
            assert_ne!(browser.client.title().await.unwrap(), "owned");
            assert!(browser.client.find_all(Locator::Css("h1 b, h1 script")).await.unwrap().is_empty());
        }
        browser.open(&format!("{}/find?q=%3Cscript", open())).await;
        assert!(browser.read("#found").await.contains(MARKUP));
    });
}

#[test]
fn a_name_that_turns_the_direction_turns_nothing_but_itself() {
    browse(Script::Runs, async |browser: &Browser| {
        browser.open(&format!("{}/find?q={}", open(), code(2).get(..10).unwrap())).await;
        let row = browser.read("#found").await;
        assert!(row.contains(TURNED), "{row}");
        // Isolated: what stands beside the name stays where it is.
        let isolated = "const b = [...document.querySelectorAll('#found bdi')].find(b => b.textContent.includes('nimda')); \
                        return getComputedStyle(b).unicodeBidi";
        assert_eq!(browser.client.execute(isolated, Vec::new()).await.unwrap(), "isolate");
    });
}

#[test]
fn a_name_of_two_hundred_characters_does_not_widen_the_page() {
    browse(Script::Runs, async |browser: &Browser| {
        browser.open(&format!("{}/enterprises/{}?as_of={AS_OF}", open(), code(3))).await;
        assert!(browser.read("h1").await.contains(&long()));
        let wide = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth";
        assert_eq!(browser.client.execute(wide, Vec::new()).await.unwrap(), true);
    });
}

#[test]
fn ten_thousand_records_come_page_by_page_and_soon() {
    browse(Script::Runs, async |browser: &Browser| {
        let begun = Instant::now();
        browser
            .open(&format!("{}/enterprises/{}?field=market-regulation&as_of={AS_OF}", open(), code(4)))
            .await;
        browser.see("#records").await;
        // Far from exact on a busy machine; a page that is made of all of them takes minutes.
        assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
        let rows = browser.client.find_all(Locator::Css("#records tbody > tr")).await.unwrap().len();
        assert!((50..=200).contains(&rows) && rows < MANY, "{rows}");
        browser.follow("更多记录").await;
        browser.see("#records tbody > tr").await;
        browser
            .open(&format!("{}/enterprises/{}/change?field=market-regulation&as_of={AS_OF}", open(), code(4)))
            .await;
        browser.see("#fewest").await;
    });
}
