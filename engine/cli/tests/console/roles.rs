//! Two people, one console: each sees what the rules give.

use crate::browser::{Browser, Script, browse};
use crate::served::{AS_OF, code, ruled, sample, token};

async fn sign_in(browser: &Browser, role: &str, purpose: &str, seconds: i64) {
    browser.open(&format!("{}/sign-in", ruled())).await;
    browser.write("textarea[name=token]", &token(role, seconds)).await;
    browser.click(&format!("select[name=purpose] option[value='{purpose}']")).await;
    browser.click("form.stacked button").await;
    // Signed in, or told why not.
    browser.see(".who span, [role=alert]").await;
}

#[test]
fn nobody_sees_anything_before_signing_in_but_the_check_of_reports() {
    browse(Script::Runs, async |browser: &Browser| {
        for path in ["/", "/find?q=a", &format!("/enterprises/{}", sample()), "/standards", "/quality"] {
            browser.open(&format!("{}{path}", ruled())).await;
            browser.expect("请先登录").await;
        }
        browser
            .open(&format!("{}/verify?number=HX20261031-0000000001&code=AAAA-AAAA-AAAA-AAAA", ruled()))
            .await;
        browser.expect("没有与此编号和校验码相符的报告").await;
    });
}

#[test]
fn a_regulator_sees_the_whole() {
    browse(Script::Runs, async |browser: &Browser| {
        sign_in(browser, "regulator", "supervision statutory-duty", 600).await;
        browser
            .open(&format!("{}/enterprises/{}?field=market-regulation&as_of={AS_OF}", ruled(), sample()))
            .await;
        let why = browser.read("#why").await;
        assert!(why.contains("严格监管") && why.contains("列入严重失信主体名单"), "{why}");
        browser.follow("如何改变等级").await;
        browser.expect("2026-07-07 严重失信主体名单").await;
    });
}

#[test]
fn a_bank_sees_what_is_public_of_those_who_consented_and_no_tier() {
    browse(Script::Runs, async |browser: &Browser| {
        sign_in(browser, "bank", "credit-granting consent", 600).await;
        browser.open(&format!("{}/enterprises/{}?as_of={AS_OF}", ruled(), sample())).await;
        browser.expect("您的角色或用途不包括此项").await;
        browser.expect("公共信用综合评价").await;
        browser.expect("部分读数与记录不予显示").await;
        browser.expect("以下类别不予显示").await;
        let text = browser.text().await;
        assert!(!text.contains("红牌监管") && !text.contains("严格监管"), "{text}");
        // Somebody who has not consented.
        browser.open(&format!("{}/enterprises/{}?as_of={AS_OF}", ruled(), code(4))).await;
        browser.expect("没有权限").await;
        browser.open(&format!("{}/enterprises/{}/change?as_of={AS_OF}", ruled(), sample())).await;
        browser.expect("没有权限").await;
    });
}

#[test]
fn every_page_opens_for_two_roles_or_says_why_it_does_not() {
    browse(Script::Runs, async |browser: &Browser| {
        let enterprise = format!("/enterprises/{}?as_of={AS_OF}", sample());
        let change = format!("/enterprises/{}/change?as_of={AS_OF}", sample());
        let order = format!("/reports/new?enterprise={}", sample());
        // Page, whether a regulator of the city is shown it, whether a bank is.
        let pages = [
            ("/", true, true),
            ("/find?q=00057", true, false),
            (&enterprise, true, true),
            (&change, true, false),
            (&order, true, true),
            ("/standards", true, true),
            ("/standards/public-comprehensive/2026.1", true, true),
            ("/standards/draft", true, true),
            ("/quality", false, false),
            ("/verify", true, true),
        ];
        for (role, purpose) in
            [("regulator", "supervision statutory-duty"), ("bank", "credit-granting consent")]
        {
            sign_in(browser, role, purpose, 600).await;
            for (page, regulator, bank) in pages {
                browser.open(&format!("{}{page}", ruled())).await;
                let refused = browser.see("main h1").await.text().await.unwrap() == "没有权限";
                let shown = if role == "bank" { bank } else { regulator };
                assert_eq!(refused, !shown, "{role} {page}: {}", browser.text().await);
            }
        }
    });
}

#[test]
fn a_token_that_is_not_ours_is_refused_and_a_session_that_ends_says_so() {
    browse(Script::Runs, async |browser: &Browser| {
        browser.open(&format!("{}/sign-in", ruled())).await;
        browser.write("textarea[name=token]", "not.a.token").await;
        browser.click("form.stacked button").await;
        browser.expect("令牌无效或已过期").await;
        sign_in(browser, "regulator", "supervision statutory-duty", -1).await;
        browser.expect("令牌无效或已过期").await;
        sign_in(browser, "regulator", "supervision statutory-duty", 8).await;
        browser.open(&format!("{}/standards", ruled())).await;
        browser.expect("公共信用综合评价").await;
        tokio::time::sleep(std::time::Duration::from_secs(9)).await;
        browser.open(&format!("{}/standards", ruled())).await;
        browser.expect("登录已失效").await;
        browser.follow("登录 / 更换用途").await;
        browser.see("textarea[name=token]").await;
    });
}

#[test]
fn whoever_signs_out_is_out() {
    browse(Script::Runs, async |browser: &Browser| {
        sign_in(browser, "regulator", "supervision statutory-duty", 600).await;
        browser.open(&format!("{}/standards/draft", ruled())).await;
        browser.click(".who form button").await;
        browser.see("textarea[name=token]").await;
        browser.open(&format!("{}/standards", ruled())).await;
        browser.expect("请先登录").await;
    });
}
