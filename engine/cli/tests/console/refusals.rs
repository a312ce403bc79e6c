//! What goes wrong is a page that says what happened and what to do.

use fantoccini::Locator;

use crate::browser::{Browser, Script, browse};
use crate::served::{AS_OF, code, of_its_own, open, sample};

#[track_caller]
fn says(path: String, said: &'static [&'static str]) {
    browse(Script::Runs, async move |browser: &Browser| {
        browser.open(&format!("{}{path}", open())).await;
        for said in said {
            browser.expect(said).await;
        }
        // There is always a way on.
        browser.see(".problem .actions a").await;
    });
}

#[test]
fn a_code_with_a_wrong_check_character_is_told_which() {
    says("/find?q=91330199MAY0005781".to_owned(), &["输入有误", "第18位（校验码）有误：现为 1，应为 0"]);
}

#[test]
fn an_enterprise_without_facts_is_not_found() {
    says(format!("/enterprises/{}", code(99)), &["没有找到", "请核对代码", "没有任何记录"]);
}

#[test]
fn a_field_nobody_evaluates_is_told_with_those_there_are() {
    says(
        format!("/enterprises/{}/change?field=astrology", sample()),
        &["没有找到", "astrology", "market-regulation"],
    );
}

#[test]
fn a_date_in_the_future_is_refused() {
    says(
        format!("/enterprises/{}?as_of=2999-01-01", sample()),
        &["输入有误", "“评价日期”2999-01-01 晚于今天"],
    );
}

#[test]
fn what_the_frame_of_the_server_refuses_is_a_page_too() {
    for path in ["/find?q=a&q=b", "/enterprises/%FF", "/reports", "/static/none.js"] {
        says(path.to_owned(), &["衡信"]);
    }
}

#[test]
fn an_address_nobody_knows_leads_on() {
    says("/nowhere".to_owned(), &["没有找到", "/nowhere"]);
}

#[test]
fn a_report_for_the_future_is_refused_and_the_same_form_sent_twice_gives_one_report() {
    browse(Script::Runs, async |browser: &Browser| {
        let at = format!("{}/reports/new?enterprise={}&as_of=2999-01-01", open(), sample());
        browser.open(&at).await;
        browser.click("form.stacked button").await;
        browser.expect("输入有误").await;
        browser.expect("2999-01-01").await;
        browser.open(&format!("{}/reports/new?enterprise={}&as_of={AS_OF}", open(), sample())).await;
        browser.click("form.stacked button").await;
        let first = browser.read("#number").await;
        browser.client.back().await.unwrap();
        browser.click("form.stacked button").await;
        assert_eq!(browser.read("#number").await, first);
    });
}

#[test]
fn a_verification_code_that_is_wrong_is_not_told_apart_from_a_wrong_number() {
    browse(Script::Runs, async |browser: &Browser| {
        let mut answers = Vec::new();
        for (number, code) in [
            ("HX20261031-0000000001", "AAAA-AAAA-AAAA-AAAA"),
            ("HX20991031-9999999999", "AAAA-AAAA-AAAA-AAAA"),
        ] {
            browser.open(&format!("{}/verify?number={number}&code={code}", open())).await;
            answers.push(browser.read("#answer").await);
        }
        assert!(
            answers.iter().all(|answer| answer.contains("没有与此编号和校验码相符的报告")),
            "{answers:?}"
        );
        assert_eq!(answers.first(), answers.last());
    });
}

#[test]
fn where_nobody_sets_documents_none_is_offered_and_the_address_of_one_says_so() {
    browse(Script::Runs, async |browser: &Browser| {
        browser.open(&format!("{}/reports/new?enterprise={}&as_of={AS_OF}", open(), sample())).await;
        browser.click("form.stacked button").await;
        let number = browser.read("#number").await;
        assert!(browser.client.find_all(Locator::LinkText("下载 PDF")).await.unwrap().is_empty());
        browser.open(&format!("{}/reports/{number}/pdf", open())).await;
        browser.expect("现在无法办理").await;
        browser.expect("未配置排版程序").await;
    });
}

#[test]
fn a_form_of_another_session_is_refused() {
    browse(Script::Runs, async |browser: &Browser| {
        browser.open(&format!("{}/reports/new?enterprise={}&as_of={AS_OF}", open(), sample())).await;
        browser.client.delete_all_cookies().await.unwrap();
        browser.click("form.stacked button").await;
        browser.expect("表单已过期").await;
    });
}

#[test]
fn a_store_that_is_gone_is_a_page_that_says_so() {
    browse(Script::Runs, async |browser: &Browser| {
        let (console, serving) = of_its_own("lost");
        browser.open(&format!("{console}/find?q=a")).await;
        browser.expect("没有符合条件的企业").await;
        drop(serving);
        // The process is gone: the browser says so itself. A store that fails under a running process is next.
        let (console, serving) = of_its_own("broken");
        browser.open(&format!("{console}/verify")).await;
        crate::served::damage("broken");
        browser.open(&format!("{console}/enterprises/{}", sample())).await;
        let problems = browser.client.find_all(Locator::Css(".problem h1")).await.unwrap();
        assert_eq!(problems.len(), 1, "{}", browser.text().await);
        let text = browser.text().await;
        assert!(!text.contains("panicked") && !text.contains(".rs:"), "{text}");
        drop(serving);
    });
}
