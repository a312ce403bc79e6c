//! Refusals that are of no single field, by the reason the service gives with them.

use tonic::Status;
use tonic_types::StatusExt as _;

use super::{number_after, quoted};

/// In Chinese. What is not known says at least whose fault it is.
pub(super) fn chinese(status: &Status) -> String {
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.as_str()).unwrap_or_default();
    let known = details.error_info().and_then(|info| info.metadata.get("known").cloned());
    let message = status.message();
    let first = quoted(message).next().unwrap_or_default();
    let offered = known.map(|known| format!("，现有：{}", known.replace(',', "、"))).unwrap_or_default();
    match reason {
        "ENTERPRISE_NOT_FOUND" => format!("{first} 在所选时点没有任何记录"),
        "ENTERPRISE_NOT_IN_RUN" => format!("{first} 不在所用的批量评价之中"),
        "EVALUATION_NOT_FOUND" => "没有这一评价记录".to_owned(),
        "REPORT_NOT_FOUND" => format!("没有编号为 {first} 的报告"),
        "REPORT_SHOWS_MORE" => format!("报告 {first} 含有不对您显示的记录"),
        "REPORT_NOT_SET" => "报告中有无法排版的内容，不能生成文档".to_owned(),
        "NO_TYPESETTER_HERE" => "本服务未配置排版程序，不能生成 PDF；可用浏览器直接打印报告页".to_owned(),
        "TYPESETTER_TOO_SLOW" => "排版超过时限，已中止".to_owned(),
        "ANSWER_TOO_LARGE" => "结果超出一次可以传送的大小，请缩小领域或期间".to_owned(),
        "MESSAGE_TOO_LARGE" => "提交的内容过大".to_owned(),
        "MALFORMED_MESSAGE" => "提交的内容无法读取".to_owned(),
        "NO_LOADED_RUN" => "该领域还没有已完成的批量评价".to_owned(),
        "NO_RUNS_HERE" => "本服务不进行批量评价".to_owned(),
        "NO_LABORATORY_HERE" => "本服务未设模型实验室".to_owned(),
        "FIELD_NOT_FOUND" => format!("没有名为 {first} 的监管领域{offered}"),
        "STANDARD_NOT_FOUND" => format!("没有名为 {first} 的评价标准{offered}"),
        "EDITION_NOT_FOUND" => {
            format!("{first} 没有版本 {}{offered}", quoted(message).nth(1).unwrap_or_default())
        }
        "STANDARD_EXPIRED" | "STANDARD_NOT_YET_IN_FORCE" => in_force(status, first, reason),
        "REQUEST_ID_REUSED" => "同一表单已用不同内容提交过".to_owned(),
        "TOO_MANY_RELATED" => "关联主体过多，不能一次评价".to_owned(),
        "LEDGER_BUSY" | "OVERLOADED" => "请求过多，系统正忙".to_owned(),
        "LEDGER_UNREACHABLE" => "数据库暂时无法连接".to_owned(),
        "LEDGER_READ_ONLY" => "数据库只供查询，不能写入".to_owned(),
        "LEDGER_UNUSABLE" => "数据库不能用于本版程序".to_owned(),
        "LEDGER_DAMAGED" | "LEDGER_ALTERED" => "数据库受损，须由系统管理员从备份恢复".to_owned(),
        "DISK_FULL" => "服务器存储空间已满".to_owned(),
        "STOPPING" => "服务正在停止".to_owned(),
        "CALLER_LIMIT" => "您所在单位的请求过多，已暂时限制".to_owned(),
        "AUDIT_UNAVAILABLE" => "审计日志无法写入，因此不提供服务".to_owned(),
        "DEADLINE_EXCEEDED" => "未能在时限内完成".to_owned(),
        "CALLER_UNKNOWN" => caller(message).to_owned(),
        "PURPOSE_UNKNOWN" => "没有这一用途".to_owned(),
        "LEGAL_BASIS_UNKNOWN" => "该用途没有这一依据".to_owned(),
        "NOT_PERMITTED" => "访问规则不允许此项查询".to_owned(),
        "ANOTHER_PERSON" => "不能以他人名义办理".to_owned(),
        _ => ours(message),
    }
}

fn in_force(status: &Status, id: &str, reason: &str) -> String {
    let details = status.get_error_details();
    let day = |key: &str| {
        details.error_info().and_then(|info| info.metadata.get(key)).map(String::as_str).unwrap_or_default()
    };
    match reason {
        "STANDARD_EXPIRED" => format!("评价标准 {id} 在该日已失效，最后有效日为 {}", day("last_day")),
        _ => format!("评价标准 {id} 在该日尚未施行，自 {} 起施行", day("first_day")),
    }
}

/// Who is not let in, and why.
fn caller(message: &str) -> &'static str {
    if message.contains("neither a client certificate nor a token") {
        "既没有客户端证书，也没有令牌"
    } else if message.contains("this service takes none") {
        "本服务不接受令牌，请使用客户端证书"
    } else if message.contains("token") {
        "令牌无效或已过期，请向签发令牌的单位重新领取"
    } else {
        "此客户端证书不在登记之列"
    }
}

/// What the pages themselves refuse.
fn ours(message: &str) -> String {
    if message.starts_with("no page `") {
        return format!("没有 {} 这一页面", quoted(message).next().unwrap_or_default());
    }
    let fixed = [
        ("no such page", "没有这一页面，或该页面不接受这种请求"),
        ("nobody has signed in", "尚未登录"),
        ("the form is from an earlier session", "表单来自先前的会话或其他页面"),
        ("the address or the form has a part", "网址或表单中有无法读取的内容"),
        ("the form took too long", "表单未能在时限内传完"),
    ];
    if let Some((_, chinese)) = fixed.iter().find(|(start, _)| message.starts_with(start)) {
        return (*chinese).to_owned();
    }
    match number_after(message, "the form has more than ") {
        Some(most) => format!("表单超过 {most} 字节"),
        None => "服务未能完成此请求".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic::Code;
    use tonic_types::ErrorDetails;

    use super::*;

    #[track_caller]
    fn check(reason: &str, metadata: &[(&str, &str)], message: &str, expected: &str) {
        let metadata: HashMap<String, String> =
            metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let status = if reason.is_empty() {
            Status::invalid_argument(message)
        } else {
            let details = ErrorDetails::with_error_info(reason, "hengxin", metadata);
            Status::with_error_details(Code::NotFound, message, details)
        };
        assert_eq!(chinese(&status), expected);
    }

    #[test]
    fn a_reason_is_said_with_what_it_is_about() {
        check(
            "ENTERPRISE_NOT_FOUND",
            &[],
            "enterprise `91330106MA00000000` is not in the ledger, expected one with at least one fact recorded by then",
            "91330106MA00000000 在所选时点没有任何记录",
        );
        check(
            "FIELD_NOT_FOUND",
            &[("known", "environment,tax")],
            "unknown field `astrology`; known: environment, tax",
            "没有名为 astrology 的监管领域，现有：environment、tax",
        );
        check(
            "STANDARD_EXPIRED",
            &[("last_day", "2026-03-31")],
            "`public-comprehensive` is not in force on 2026-10-31: edition 2019.1 ended on 2026-03-31",
            "评价标准 public-comprehensive 在该日已失效，最后有效日为 2026-03-31",
        );
        check(
            "CALLER_UNKNOWN",
            &[],
            "the token is not valid: ExpiredSignature",
            "令牌无效或已过期，请向签发令牌的单位重新领取",
        );
    }

    #[test]
    fn what_the_pages_refuse_and_what_nobody_foresaw_is_chinese_too() {
        check("", &[], "no page `/nowhere`", "没有 /nowhere 这一页面");
        check("", &[], "the form has more than 4194304 bytes", "表单超过 4194304 字节");
        check("SOMETHING_NEW", &[], "the moon is in the way", "服务未能完成此请求");
    }
}
