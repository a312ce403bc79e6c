//! What a check of a draft says, by the check's name.

use super::quoted;

/// In Chinese, with the text that is at fault where it was quoted.
pub(super) fn chinese(check: &str, found: &str) -> String {
    let found: Vec<&str> = quoted(found).filter(|text| !text.is_empty()).collect();
    let wrong = wrong(check).unwrap_or("不合格式要求");
    if found.is_empty() { wrong.to_owned() } else { format!("{wrong}：{}", found.join("、")) }
}

fn wrong(check: &str) -> Option<&'static str> {
    Some(match check {
        "syntax" => "文本不合所用的 YAML 子集",
        "unknown-key" => "此处没有这一项",
        "duplicate-key" => "同一项写了两次",
        "missing-key" => "缺少必须有的项",
        "wrong-shape" => "形式不对，如应为列表而不是单个值",
        "not-a-number" => "不是普通十进制数，或小数位数过多",
        "not-a-date" => "不是存在的日期",
        "out-of-range" => "超出限度",
        "unknown-name" => "没有声明过这一名称",
        "unit-mismatch" => "此规则或比较不能用于这种读数",
        "bands-gap" => "分段之间有空隙",
        "bands-overlap" => "分段重叠",
        "bands-unreachable" => "分段不可能达到",
        "weights-sum" => "权重之和不是100%，或只有部分下级有权重",
        "floor-above-cap" => "下限高于上限",
        "never-maximum" => "指标不可能达到满分",
        "never-applies" => "条件或效果永远不会成立",
        "missing-source" => "没有注明依据",
        "not-monotone" => "不良记录更多反而得分更高",
        "inexact" => "乘积不是万分之一分的整数倍",
        "excluded-sign" => "满分不为正的一组不能排除缺项",
        "cycle" => "标准之间循环引用",
        "edition-overlap" => "两个版本在同一天有效",
        "scheme-mixed" => "所引用标准的各版本等级体系不同",
        "lock" => "已发布的版本被改动",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use hengxin_core::document::Check;

    use super::*;

    #[test]
    fn every_check_has_its_words() {
        for check in Check::ALL {
            assert!(wrong(check.id()).is_some(), "{}", check.id());
        }
        assert_eq!(chinese("unknown-key", "`colour`"), "此处没有这一项：colour");
        assert_eq!(chinese("missing-key", "nothing"), "缺少必须有的项");
        assert_eq!(chinese("something-new", "x"), "不合格式要求");
    }
}
