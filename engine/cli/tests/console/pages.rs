//! Every page: it opens, it is whole, and it asks for nothing from elsewhere.

use fantoccini::Locator;
use fantoccini::wd::PrintConfiguration;

use crate::browser::{Browser, Script, browse};
use crate::served::{AS_OF, code, demo, open, sample};

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
fn the_demo_ends_with_a_link_that_opens_the_console() {
    browse(Script::Runs, async |browser: &Browser| {
        let (link, _serving) = demo();
        browser.open(&link).await;
        browser.expect("60 家企业").await;
        // Two runs of every field are there, and the second says how it moved the first.
        browser.expect("依据批量评价 runs/").await;
        let runs = browser.read("#runs").await;
        assert!(runs.contains("runs/10") && runs.contains("60/60"), "{runs}");
    });
}

#[test]
fn runs_alone_are_what_a_page_that_looks_again_takes() {
    browse(Script::Runs, async |browser: &Browser| {
        browser.open(&format!("{}/runs", open())).await;
        let runs = browser.read("body > #runs").await;
        assert!(runs.contains("市场监管领域信用分级分类监管") && runs.contains("300/300"), "{runs}");
        // None is under way, so that nothing is asked again.
        assert!(browser.client.find_all(Locator::Css("[hx-trigger]")).await.unwrap().is_empty());
    });
}

#[test]
fn a_record_says_what_it_counts_and_until_when_and_what_is_missing_is_listed() {
    browse(Script::Runs, async |browser: &Browser| {
        browser
            .open(&format!("{}/enterprises/{}?field=market-regulation&as_of={AS_OF}", open(), code(5)))
            .await;
        let records = browser.read("#records").await;
        assert!(records.contains("行政处罚（按失信程度，逐次加重，逐年递减）：−20"), "{records}");
        assert!(records.contains("2029-05-20 起不再计入"), "{records}");
        let why = browser.read("#why").await;
        assert!(why.contains("缺失的数据") && why.contains("没有可供计算"), "{why}");
    });
}

#[test]
fn codes_in_conflict_are_told() {
    browse(Script::Runs, async |browser: &Browser| {
        browser.open(&format!("{}/enterprises/{}?as_of={AS_OF}", open(), code(6))).await;
        browser.expect("一码多赋").await;
        browser.expect("庚公司, 2019-05-06").await;
        browser.expect("辛公司, 2018-03-04").await;
    });
}

/// What is closed on the screen is open on paper, and what only leads elsewhere is not there.
#[test]
fn a_page_prints_with_everything_that_is_closed_and_nothing_that_is_clicked() {
    browse(Script::Runs, async |browser: &Browser| {
        browser
            .open(&format!("{}/enterprises/{}?field=market-regulation&as_of={AS_OF}", open(), sample()))
            .await;
        let document = browser.client.print(PrintConfiguration::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("page.pdf");
        std::fs::write(&file, document).unwrap();
        let read = std::process::Command::new("pdftotext").arg("-layout").arg(&file).arg("-").output();
        let Ok(read) = read else {
            assert!(std::env::var_os("HENGXIN_NEED_BROWSER").is_none(), "no pdftotext on this machine");
            eprintln!("NOT RUN: no pdftotext on this machine (Debian: poppler-utils)");
            return;
        };
        let text = String::from_utf8(read.stdout).unwrap();
        for there in ["示例企业00057有限公司", "评价日期 2026-10-31", "基础分", "列入严重失信主体名单"]
        {
            assert!(text.contains(there), "{there} in:\n{text}");
        }
        for not_there in ["按此查看", "English", "数据质量"] {
            assert!(!text.contains(not_there), "{not_there} in:\n{text}");
        }
    });
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
