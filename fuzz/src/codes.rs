//! Short texts: codes of enterprises, regions and industries, numbers, dates, times.

use hengxin_core::date::Date;
use hengxin_core::industry::IndustryCode;
use hengxin_core::number::{display_decimal, parse_decimal};
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;
use hengxin_service::timetable::{SHANGHAI, Timetable};

use super::text;

pub(crate) fn codes(input: &[u8]) -> bool {
    let text = text(input);
    let (code, near, defects) = (text.parse::<Uscc>(), Uscc::suggest(&text), Uscc::defects(&text));
    assert_eq!(
        code.is_ok(),
        defects.is_empty(),
        "a code is refused for a reason, and only then: {defects:?}"
    );
    assert_eq!(code, Uscc::from_bytes(text.as_bytes()), "text and bytes are read alike");
    for near in near {
        assert_eq!(near.as_str().parse(), Ok(near), "what is suggested is valid");
    }
    let _ = Uscc::check_column([input, b"91110000600037341L"]);
    let region = text.parse::<RegionCode>();
    if let Ok(region) = region {
        assert_eq!(region.to_string().parse(), Ok(region));
        let _ = (region.name(), region.contains(region));
    }
    let industry = text.parse::<IndustryCode>();
    if let Ok(industry) = industry {
        assert_eq!(industry.to_string().parse(), Ok(industry));
    }
    code.is_ok() || region.is_ok() || industry.is_ok()
}

/// Numbers, dates, moments, months, and when a schedule fires.
pub(crate) fn dates(input: &[u8]) -> bool {
    let text = text(input);
    let mut accepted = false;
    for places in [0, 2, 4, 6] {
        if let Ok(n) = parse_decimal(&text, places) {
            assert_eq!(parse_decimal(&display_decimal(n, places), places), Ok(n));
            accepted = true;
        }
    }
    if let Ok(date) = text.parse::<Date>() {
        assert_eq!(date.to_string().parse(), Ok(date));
        let _ = (date.plus_days(400_000), date.plus_days(-400_000));
        accepted = true;
    }
    if let Ok(moment) = hengxin_batch::moment::from_text(&text) {
        assert_eq!(hengxin_batch::moment::from_text(&hengxin_batch::moment::to_text(moment)), Ok(moment));
        accepted = true;
    }
    accepted |= hengxin_models::plan::month(&text).is_some();
    if let Ok(timetable) = Timetable::read(&text, SHANGHAI) {
        let moment = hengxin_core::date::Moment(1_795_809_675_489_845);
        let (before, after) = (timetable.until(moment), timetable.after(moment));
        assert!(before.is_none_or(|at| at <= moment) && after.is_none_or(|at| at > moment));
        accepted = true;
    }
    accepted
}
