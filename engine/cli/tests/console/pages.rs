//! Every page: it opens, it is whole, and it asks for nothing from elsewhere.

use fantoccini::Locator;

use crate::browser::{Browser, Script, browse};
use crate::served::{AS_OF, open, sample};

#[test]
fn every_page_opens_whole_and_says_what_it_is() {
    browse(Script::Runs, async |browser: &Browser| {
        let enterprise = format!("/enterprises/{}?field=market-regulation&as_of={AS_OF}", sample());
        let change = format!("/enterprises/{}/change?field=market-regulation&as_of={AS_OF}", sample());
        let order = format!("/reports/new?enterprise={}", sample());
        let overview = format!("/?field=market-regulation&as_of={AS_OF}");
        let pages = [
            (overview.as_str(), "总览", Some("overview")),
            ("/find", "查询", None),
            (&enterprise, "示例企业00057有限公司", Some("enterprise")),
            (&change, "如何改变等级", Some("change")),
            ("/standards", "评价标准", None),
            ("/standards/public-comprehensive/2026.1", "公共信用综合评价 2026.1", Some("standard")),
            (
                "/standards/compare?base=standards%2Fpublic-comprehensive%2Feditions%2F2019.1&other=standards%2Fpublic-comprehensive%2Feditions%2F2026.1",
                "版本比较",
                Some("compare"),
            ),
            ("/standards/draft", "草案", None),
            ("/quality", "数据质量", Some("quality")),
            (&order, "出具信用报告", None),
            ("/verify", "报告验证", None),
            ("/sign-in", "登录", None),
        ];
        for (path, title, picture) in pages {
            browser.open(&format!("{}{path}", open())).await;
            assert_eq!(
                browser.client.title().await.unwrap(),
                format!("{title}{} · 衡信", suffix(path)),
                "{path}"
            );
            // What has a heading is no blank page, and what has no alert is no fault.
            browser.see("main h1").await;
            let alerts = browser.client.find_all(Locator::Css("[role=alert]")).await.unwrap();
            assert!(alerts.is_empty(), "{path}: {}", browser.text().await);
            let foreign = "return performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith(location.origin))";
            let foreign = browser.client.execute(foreign, Vec::new()).await.unwrap();
            assert_eq!(foreign, serde_json::json!([]), "{path}");
            // Everything that takes part has a name that is read out.
            let nameless = "return [...document.querySelectorAll('input:not([type=hidden]),select,textarea')]\
                            .filter(e => !e.labels || !e.labels.length).map(e => e.name)";
            let nameless = browser.client.execute(nameless, Vec::new()).await.unwrap();
            assert_eq!(nameless, serde_json::json!([]), "{path}");
            if let Some(picture) = picture {
                browser.picture(picture).await;
            }
        }
    });
}

/// What the title of the page of an enterprise's changes goes on with.
fn suffix(path: &str) -> &'static str {
    if path.contains("/change") { " · 示例企业00057有限公司" } else { "" }
}

#[test]
fn pages_run_no_script_of_their_own_and_forbid_what_is_not_ours() {
    browse(Script::Runs, async |browser: &Browser| {
        browser.open(&format!("{}/enterprises/{}?as_of={AS_OF}", open(), sample())).await;
        let inline = "return document.querySelectorAll('script:not([src]),[style],[onclick],[onload],[onerror]').length";
        assert_eq!(browser.client.execute(inline, Vec::new()).await.unwrap(), 0);
        // The policy stops what somebody might smuggle in.
        let smuggled = "const s = document.createElement('script'); s.textContent = 'window.owned = 1'; \
                        document.body.appendChild(s); return window.owned === undefined";
        assert_eq!(browser.client.execute(smuggled, Vec::new()).await.unwrap(), true);
    });
}
