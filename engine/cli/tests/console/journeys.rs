//! What people come for, from beginning to end.

use std::collections::BTreeSet;

use fantoccini::Locator;
use fantoccini::key::Key;

use crate::browser::{Browser, Script, browse};
use crate::served::{AS_OF, open, sample, without_runs};

/// Finds an enterprise by part of its name, reads why it is in its tier and what would change that, and takes the report
/// away; whoever gets the report checks it.
async fn from_name_to_report(browser: &Browser) {
    browser.open(&format!("{}/?as_of={AS_OF}", open())).await;
    browser.write("form.quick input[name=q]", "企业00057").await;
    browser.click("form.quick button").await;
    browser.follow("示例企业00057有限公司").await;
    assert_eq!(browser.path().await, format!("/enterprises/{}", sample()));
    let why = browser.read("#why").await;
    assert!(why.contains("列入严重失信主体名单") && why.contains("决定等级"), "{why}");
    browser.expect("样例数值，非官方标准").await;
    let records = browser.read("#records").await;
    assert!(records.contains("严重失信主体名单") && records.contains("计入"), "{records}");

    browser.follow("如何改变等级").await;
    let fewest = browser.read("#fewest").await;
    assert!(
        fewest.contains("修复以下 1 条记录即可达到") && fewest.contains("2026-07-07 严重失信主体名单 示"),
        "{fewest}"
    );
    let counting = browser.read("#counting").await;
    assert!(counting.contains("等级放宽"), "{counting}");
    browser.expect("没有新记录时未来36个月").await;

    browser.follow("← 返回企业").await;
    browser.follow("出具信用报告").await;
    browser.click("input[value=public]").await;
    browser.click("form.stacked button").await;
    let number = browser.read("#number").await;
    let code = browser.read("#code").await;
    let report = browser.read("article.report").await;
    assert!(
        number.starts_with("HX")
            && report.contains("公共信用信息报告")
            && report.contains("严重失信主体名单"),
        "{report}"
    );
    for score in ["739.11", "红牌监管", "监管等级", "得分"] {
        assert!(
            !report.contains(score),
            "a public report holds no score, grade or tier, found {score}:\n{report}"
        );
    }

    browser.open(&format!("{}/verify", open())).await;
    browser.write("main input[name=number]", &number).await;
    browser.write("main input[name=code]", &code.to_lowercase().replace('-', " ")).await;
    browser.click("main form button").await;
    let answer = browser.read("#answer").await;
    assert!(answer.contains("报告真实有效") && answer.contains("示例企业00057有限公司"), "{answer}");
}

#[test]
fn from_a_part_of_a_name_to_a_report_that_others_check() {
    browse(Script::Runs, from_name_to_report);
}

#[test]
fn the_same_without_script() {
    browse(Script::Off, from_name_to_report);
}

#[test]
fn the_same_with_the_keyboard_alone() {
    browse(Script::Runs, async |browser: &Browser| {
        browser.open(&format!("{}/find?as_of={AS_OF}", open())).await;
        // The field of the search has the focus when the page opens.
        let focus = browser.client.active_element().await.unwrap();
        assert_eq!(focus.attr("name").await.unwrap().as_deref(), Some("q"));
        focus.send_keys("企业00057").await.unwrap();
        browser.press(Key::Enter).await;
        browser.see("#found table").await;
        browser.tab_to("示例企业00057有限公司").await;
        browser.press(Key::Enter).await;
        browser.see("#why").await;
        browser.tab_to("如何改变等级").await;
        browser.press(Key::Enter).await;
        browser.see("#fewest").await;
        browser.tab_to("返回企业").await;
        browser.press(Key::Enter).await;
        browser.see("#why").await;
        browser.tab_to("出具信用报告").await;
        browser.press(Key::Enter).await;
        browser.see("input[name=kind]").await;
        browser.tab_to("出具").await;
        browser.press(Key::Enter).await;
        assert!(browser.read("#number").await.starts_with("HX"));
        browser.open(&format!("{}/enterprises/{}?as_of={AS_OF}", open(), sample())).await;
        // The first stop of every page leads past its navigation.
        browser.press(Key::Tab).await;
        let first = browser.client.active_element().await.unwrap();
        assert_eq!(first.attr("href").await.unwrap().as_deref(), Some("#main"));
    });
}

#[test]
fn results_come_while_one_types_and_the_address_follows() {
    browse(Script::Runs, async |browser: &Browser| {
        browser.open(&format!("{}/find?as_of={AS_OF}", open())).await;
        browser.see("main input[name=q]").await.send_keys("00057").await.unwrap();
        assert!(browser.read("#found table").await.contains("示例企业00057有限公司"));
        let address = browser.client.current_url().await.unwrap();
        assert!(address.query().unwrap_or_default().contains("q=00057"), "{address}");
        // A whole code leads to its enterprise, and a wrong one is told.
        browser.write("main input[name=q]", "91330199MAY0005781").await;
        browser.expect("现为 1，应为 0").await;
        browser.open(&format!("{}/find?as_of={AS_OF}", open())).await;
        browser.write("main input[name=q]", &sample()).await;
        browser.see("#why").await;
    });
}

/// Found by the benchmark of pages: the second page was refused where no run is loaded.
#[test]
fn a_search_goes_on_to_its_second_page_with_a_run_and_without() {
    browse(Script::Runs, async |browser: &Browser| {
        let (without, _serving) = without_runs("no-runs", 40);
        for (console, common, enterprises) in [(open(), "示例企业", 300), (without, "公司", 40)] {
            let mut address = format!("/find?q={common}");
            let mut seen = BTreeSet::new();
            loop {
                browser.open(&format!("{console}{address}")).await;
                browser.see("#found table").await;
                for row in browser.client.find_all(Locator::Css("#found td.code")).await.unwrap() {
                    assert!(seen.insert(row.text().await.unwrap()), "a code twice");
                }
                let next = browser.client.find_all(Locator::Css("#found a.button")).await.unwrap();
                let Some(next) = next.first() else { break };
                address = next.attr("href").await.unwrap().unwrap();
            }
            assert_eq!(seen.len(), enterprises, "{console}");
        }
    });
}

#[test]
fn the_overview_leads_down_to_the_enterprises_behind_a_figure() {
    browse(Script::Runs, async |browser: &Browser| {
        browser.open(&format!("{}/?field=market-regulation&as_of={AS_OF}", open())).await;
        let before = browser.read("table.bars").await;
        browser.follow("330000 浙江省").await;
        browser.expect("330100").await;
        assert_eq!(browser.read("table.bars").await, before, "all of them are in one province");
        browser.click("table.bars a[href*='tier=4']").await;
        assert_eq!(browser.path().await, "/find");
        browser.see("#found table td a").await;
        browser.picture("find").await;
    });
}

#[test]
fn english_is_a_switch_that_stays() {
    browse(Script::Runs, async |browser: &Browser| {
        browser.open(&format!("{}/enterprises/{}?as_of={AS_OF}", open(), sample())).await;
        browser.follow("English").await;
        assert_eq!(browser.path().await, format!("/enterprises/{}", sample()));
        browser.expect("Why this tier").await;
        browser.open(&format!("{}/find", open())).await;
        browser.expect("Find an enterprise").await;
        browser.follow("中文").await;
        browser.expect("查询企业").await;
    });
}

#[test]
fn an_evaluation_report_says_what_the_page_says_and_a_special_one_marks_repairs() {
    browse(Script::Runs, async |browser: &Browser| {
        let at =
            format!("{}/reports/new?enterprise={}&field=market-regulation&as_of={AS_OF}", open(), sample());
        browser.open(&at).await;
        browser.click("input[value=evaluation]").await;
        browser.click("form.stacked button").await;
        let report = browser.read("article.report").await;
        assert!(
            report.contains("信用评价报告") && report.contains("739.11") && report.contains("严格监管"),
            "{report}"
        );
        browser.picture("report").await;
        browser.open(&at).await;
        browser.click("input[value=special]").await;
        browser.click("form.stacked button").await;
        let report = browser.read("article.report").await;
        assert!(report.contains("专项信用报告") && report.contains("2024-10-31 至 2026-10-31"), "{report}");
    });
}

#[test]
fn a_draft_is_checked_and_tried_on_one_enterprise() {
    browse(Script::Runs, async |browser: &Browser| {
        browser.open(&format!("{}/standards/draft", open())).await;
        browser.write("textarea[name=text]", "standard: x\nedition: \"1\"\n").await;
        browser.click("main form button").await;
        let checked = browser.read("#checked").await;
        assert!(checked.contains("处错误"), "{checked}");
        let text = std::fs::read_to_string(
            std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../../standards/samr-credit-risk/2022.1.yaml"),
        )
        .unwrap();
        // Typed by a script, because keys would take minutes.
        let field = browser.see("textarea[name=text]").await;
        browser
            .client
            .execute(
                "arguments[0].value = arguments[1]",
                vec![serde_json::to_value(&field).unwrap(), text.into()],
            )
            .await
            .unwrap();
        browser.write("input[name=enterprise]", &sample()).await;
        browser
            .client
            .execute("document.querySelector('input[name=as_of]').value = arguments[0]", vec![AS_OF.into()])
            .await
            .unwrap();
        browser.click("main form button").await;
        browser.expect("没有错误").await;
        browser.expect("770").await;
    });
}
