//! `hengxin generate`: a synthetic district in the official templates, or a synthetic world as a dataset.
//!
//! Nobody real is in it: codes carry the unassigned region 330199 and organisation codes of a block far ahead of
//! those in use; names are numbers. The same seed gives the same bytes on every machine. Proportions are the
//! project's own, chosen so that every grade and tier occurs.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use hengxin_core::date::Date;
use hengxin_core::number::display_decimal;
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;

use crate::failure::Failure;
use crate::place::{only_a_folder, place};
use crate::progress::Progress;
use crate::{dataset, output, workbook};

/// Write a synthetic district, or a synthetic world.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin generate --out district
  hengxin generate --enterprises 20000 --seed 7 --out big
  hengxin generate --format both --out district
  hengxin generate --as dataset --enterprises 5000000 --seed 7 --through 2026-10-31 --out province
  hengxin generate --as dataset --out s3://credit/province

The same seed and number give the same files on every machine. A dataset with a later last day is the same world,
some days later.")]
pub struct Arguments {
    /// How many enterprises: up to 90,000 in templates, 200,000,000 in a dataset.
    #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u64).range(1..=200_000_000))]
    enterprises: u64,
    /// The seed.
    #[arg(long, default_value_t = 20_261_101)]
    seed: u64,
    /// What is written.
    #[arg(long = "as", value_enum, default_value_t = Kind::Templates)]
    kind: Kind,
    /// As what the sheets of templates are written.
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// The last day anything was recorded in a dataset.
    #[arg(long, default_value = "2026-10-31", value_name = "DATE")]
    through: String,
    /// Threads that write a dataset; the machine's when not given.
    #[arg(long)]
    threads: Option<std::num::NonZeroUsize>,
    /// Tell what was written as JSON.
    #[arg(long)]
    json: bool,
    /// The folder to write to, made when absent; for a dataset also `s3://BUCKET/PREFIX`, of which the bucket is there.
    #[arg(long)]
    out: PathBuf,
}

/// What is written.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// Sheets of official templates, to be ingested.
    Templates,
    /// Shards of facts, to be re-scored.
    Dataset,
}

/// As what a sheet is written.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Comma-separated text.
    Csv,
    /// Workbooks.
    Xlsx,
    /// One of each.
    Both,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let enterprises = match arguments.kind {
        Kind::Dataset => return world(arguments),
        Kind::Templates => {
            u32::try_from(arguments.enterprises).ok().filter(|n| *n <= 90_000).ok_or_else(|| {
                Failure::Input(format!(
                    "--enterprises: found {}, expected at most 90000 in templates; `--as dataset` takes more",
                    arguments.enterprises
                ))
            })?
        }
    };
    only_a_folder("--out", &arguments.out)?;
    let files = district(enterprises, arguments.seed);
    std::fs::create_dir_all(&arguments.out)
        .with_context(|| format!("cannot make the folder {}", arguments.out.display()))?;
    for sheet in &files {
        let told = |ending: &str| {
            let file = format!("{}.{ending}", arguments.out.join(sheet.name).display());
            if arguments.json {
                output::json(&serde_json::json!({"file": file, "rows": sheet.rows.len()}));
            } else {
                println!("{:>8} rows  {file}", sheet.rows.len());
            }
        };
        if arguments.format != Format::Xlsx {
            sheet.write_csv(&arguments.out)?;
            told("csv");
        }
        if arguments.format != Format::Csv {
            workbook::write(sheet, &arguments.out)?;
            told("xlsx");
        }
    }
    Ok(())
}

/// `--as dataset`.
fn world(arguments: &Arguments) -> Result<(), Failure> {
    let through = arguments.through.parse().map_err(|e| Failure::Input(format!("--through: {e}")))?;
    let options = hengxin_batch::world::Options {
        enterprises: arguments.enterprises,
        seed: arguments.seed,
        through,
        threads: arguments.threads.map_or_else(dataset::threads, Into::into),
    };
    let catalogue = crate::standards::load_or_shipped(None)?;
    let progress = Progress::new(format!("{} enterprises", options.enterprises), 1);
    let place = place(&arguments.out)?;
    let begun = std::time::Instant::now();
    let manifest = hengxin_batch::world::generate(&catalogue.vocabulary, &options, &place, &|done, all| {
        progress.of(done, all);
    })
    .map_err(dataset::failure)?;
    drop(progress);
    dataset::told(&manifest, &place, begun.elapsed(), arguments.json);
    Ok(())
}

/// The last day of the district's records.
pub const LAST_DAY: (i32, u32, u32) = (2026, 10, 31);

/// A sheet of an official template.
pub struct Sheet {
    /// File name without its ending.
    pub name: &'static str,
    /// Column names.
    pub header: Vec<&'static str>,
    /// Rows of as many cells.
    pub rows: Vec<Vec<String>>,
}

impl Sheet {
    fn new(name: &'static str, header: &[&'static str]) -> Sheet {
        Sheet { name, header: header.to_vec(), rows: Vec::new() }
    }

    /// Writes `NAME.csv` into `folder`, with a byte-order mark as spreadsheets write it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_csv(&self, folder: &Path) -> anyhow::Result<()> {
        let path = folder.join(format!("{}.csv", self.name));
        let mut writer = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
        writer.write_record(&self.header)?;
        for row in &self.rows {
            writer.write_record(row)?;
        }
        let bytes = writer.into_inner().context("cannot finish the file")?;
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// SplitMix64: tiny, well-mixed, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `n` − 1.
    fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    /// True in `percent` of a thousand.
    fn permille(&mut self, share: u64) -> bool {
        self.below(1000) < share
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap_or(0)]
    }

    /// A day at most `days` before the last one.
    fn day(&mut self, days: u64) -> Date {
        last_day().plus_days(-i32::try_from(self.below(days)).unwrap_or(0))
    }

    /// How many events: mostly none, few with many.
    fn events(&mut self, permille: u64, most: u64) -> u64 {
        if !self.permille(permille) {
            return 0;
        }
        let mut n = 1;
        while n < most && self.permille(350) {
            n += 1;
        }
        n
    }
}

fn last_day() -> Date {
    let (year, month, day) = LAST_DAY;
    Date::from_ymd(year, month, day).unwrap_or(Date::FOREVER)
}

const AUTHORITY: &str = "示范区市场监督管理局";

/// All sheets of a district.
pub fn district(enterprises: u32, seed: u64) -> Vec<Sheet> {
    let mut d = Dice(seed);
    let code = "统一社会信用代码";
    let mut registrations = Sheet::new(
        "registrations",
        &[
            code,
            "企业名称",
            "变更日期",
            "成立日期",
            "法律形式",
            "企业规模",
            "登记状态",
            "所在地区",
            "行业代码",
            "注册资本(万元)",
        ],
    );
    let mut penalties = Sheet::new(
        "penalties",
        &[
            "CF_XDR_MC",
            "CF_XDR_SHXYM",
            "CF_WSH",
            "CF_CFLB",
            "CF_NR_FK",
            "CF_JDRQ",
            "CF_GSJZQ",
            "CF_CFJG",
            "失信程度",
            "监管领域",
        ],
    );
    let mut permits = Sheet::new(
        "permits",
        &["XK_XDR_MC", "XK_XDR_SHXYM", "XK_WSH", "XK_XKLB", "XK_JDRQ", "XK_YXQZI", "XK_XKJG"],
    );
    let mut abnormal = Sheet::new("abnormal", &[code, "文书号", "列入日期", "移出日期", "列入原因"]);
    let mut serious = Sheet::new("serious", &[code, "文书号", "列入日期", "移出日期", "名单领域"]);
    let mut commitments =
        Sheet::new("commitments", &[code, "承诺编码", "承诺作出日期", "承诺类型", "承诺履行状态"]);
    let mut contracts =
        Sheet::new("contracts", &[code, "合同编号", "履约评价日期", "合同金额(元)", "履约结果"]);
    let mut inspections = Sheet::new("inspections", &[code, "文书号", "检查日期", "检查结果", "监管领域"]);
    let mut honours = Sheet::new("honours", &[code, "文书号", "授予日期", "有效期至", "级别", "类别"]);
    let mut grades = Sheet::new("grades", &[code, "文书号", "评价日期", "评价体系", "评价等级"]);
    let mut defaults =
        Sheet::new("defaults", &[code, "文书号", "发布日期", "退出日期", "未履行金额(元)", "涉及主体"]);
    let mut reports = Sheet::new("reports", &[code, "报告年度", "报送日期", "报送状态"]);
    let mut repairs = Sheet::new("repairs", &[code, "信息类别", "原文书号", "原认定单位", "修复日期"]);
    for n in 0..enterprises {
        let Some(subject) = subject(n) else { continue };
        let name = format!("示例企业{n:05}有限公司");
        let row = |cells: &[&str]| cells.iter().map(|c| (*c).to_owned()).collect::<Vec<String>>();
        // One in twenty is troubled: most adverse facts are theirs.
        let trouble = if d.permille(50) { 12 } else { 1 };
        let age = 30 + d.below(6000);
        let established = last_day().plus_days(-i32::try_from(age).unwrap_or(0));
        let status = if d.permille(20) { d.pick(&["注销", "吊销", "迁出"]) } else { "存续" };
        registrations.rows.push(row(&[
            &subject,
            &name,
            &established.to_string(),
            &established.to_string(),
            d.pick(&["有限责任公司", "股份有限公司", "个人独资企业", "合伙企业", "外商投资企业"]),
            d.pick(&["大型", "中型", "小型", "小型", "微型", "微型", "微型"]),
            status,
            d.pick(&["330106", "330108", "330110"]),
            d.pick(&[
                "C1411", "C2710", "C3012", "F5211", "F5112", "H6210", "I6510", "K7010", "L7211", "E4710",
            ]),
            &display_decimal(i64::try_from(d.below(500_000)).unwrap_or(0) + 1000, 2),
        ]));
        let within = age.min(1460);
        for i in 0..d.events(40 * trouble, 6) {
            let on = d.day(within);
            let severity = d.pick(&["轻微", "轻微", "一般", "一般", "一般", "严重"]);
            let years = if severity == "严重" { 36 } else { 12 };
            let until = on.months_elapsed_on(years);
            let number = format!("示监罚〔{}〕{n:05}-{i}号", on.year());
            let fine = display_decimal(i64::try_from(d.below(50_000)).unwrap_or(0) + 100, 4);
            let field = d.pick(&["市场监管", "税务", "生态环境", "安全生产"]);
            penalties.rows.push(row(&[
                &name,
                &subject,
                &number,
                d.pick(&["罚款", "罚款;没收违法所得", "警告", "警告;罚款"]),
                &fine,
                &on.to_string().replace('-', "/"),
                &until.to_string(),
                AUTHORITY,
                severity,
                field,
            ]));
            let repaired = on.plus_days(120 + i32::try_from(d.below(200)).unwrap_or(0));
            if d.permille(250) && repaired <= last_day() {
                repairs.rows.push(row(&[&subject, "行政处罚", &number, AUTHORITY, &repaired.to_string()]));
            }
        }
        for i in 0..d.events(300, 3) {
            let on = d.day(within);
            let until =
                if d.permille(200) { "2099/12/31".to_owned() } else { on.months_elapsed_on(60).to_string() };
            let number = format!("示许〔{}〕{n:05}-{i}号", on.year());
            permits.rows.push(row(&[&name, &subject, &number, "普通", &on.to_string(), &until, AUTHORITY]));
        }
        for i in 0..d.events(12 * trouble, 2) {
            let on = d.day(within);
            let off = on.plus_days(100 + i32::try_from(d.below(500)).unwrap_or(0));
            let off = if off <= last_day() { off.to_string() } else { String::new() };
            let reason = d.pick(&["未公示年度报告", "通过登记住所无法联系"]);
            abnormal.rows.push(row(&[
                &subject,
                &format!("示异〔{}〕{n:05}-{i}号", on.year()),
                &on.to_string(),
                &off,
                reason,
            ]));
        }
        if d.permille(3 * trouble) {
            let on = d.day(within.min(900));
            let field = d.pick(&["税收", "市场监管", "拖欠农民工工资", "安全生产"]);
            serious.rows.push(row(&[
                &subject,
                &format!("示列〔{}〕{n:05}号", on.year()),
                &on.to_string(),
                "",
                field,
            ]));
        }
        for i in 0..d.events(350, 4) {
            let on = d.day(within);
            let serial = format!(
                "330199{}{:06}",
                on.to_string().replace('-', ""),
                n * 8 + u32::try_from(i).unwrap_or(0)
            );
            let state = if d.permille(40 * trouble) {
                d.pick(&["部分履行", "全部未履行"])
            } else {
                "全部履行"
            };
            commitments.rows.push(row(&[
                &subject,
                &serial,
                &on.to_string(),
                d.pick(&["审批替代型", "信用修复型", "主动型"]),
                state,
            ]));
        }
        for i in 0..d.events(250, 4) {
            let amount = display_decimal(i64::try_from(d.below(900_000_000)).unwrap_or(0) + 100_000, 2);
            let result = if d.permille(40 * trouble) { "违约" } else { "已履约" };
            contracts.rows.push(row(&[
                &subject,
                &format!("HT-{n:05}-{i}"),
                &d.day(within).to_string(),
                &amount,
                result,
            ]));
        }
        for i in 0..d.events(400, 3) {
            let on = d.day(within);
            let result = if d.permille(60 * trouble) {
                d.pick(&["发现问题已整改", "发现问题待处理"])
            } else {
                "未发现问题"
            };
            inspections.rows.push(row(&[
                &subject,
                &format!("示检〔{}〕{n:05}-{i}号", on.year()),
                &on.to_string(),
                result,
                "市场监管",
            ]));
        }
        if d.permille(80) {
            let on = d.day(within);
            let until = on.months_elapsed_on(36).to_string();
            honours.rows.push(row(&[
                &subject,
                &format!("示荣〔{}〕{n:05}号", on.year()),
                &on.to_string(),
                &until,
                d.pick(&["国家级", "省级", "市级", "市级", "县级"]),
                d.pick(&["表彰奖励", "守信红名单", "慈善捐赠"]),
            ]));
        }
        if age > 800 {
            let grade = if d.permille(40 * trouble) {
                d.pick(&["C", "D"])
            } else {
                d.pick(&["A", "B", "B", "B", "M"])
            };
            grades.rows.push(row(&[
                &subject,
                &format!("示税〔2026〕{n:05}"),
                "2026-04-30",
                "纳税缴费信用",
                grade,
            ]));
        }
        if d.permille(6 * trouble) {
            let amount = display_decimal(i64::try_from(d.below(90_000_000)).unwrap_or(0) + 100_000, 2);
            let on = d.day(within);
            defaults.rows.push(row(&[
                &subject,
                &format!("示执〔{}〕{n:05}号", on.year()),
                &on.to_string(),
                "",
                &amount,
                "企业",
            ]));
        }
        for year in [2023, 2024, 2025] {
            if established.year() <= year && !d.permille(15 * trouble) {
                let state = if d.permille(30 * trouble) { "逾期" } else { "按时" };
                let filed = format!("{}-0{}-15", year + 1, if state == "按时" { 5 } else { 9 });
                reports.rows.push(row(&[&subject, &year.to_string(), &filed, state]));
            }
        }
    }
    vec![
        registrations,
        permits,
        penalties,
        abnormal,
        serious,
        commitments,
        contracts,
        inspections,
        honours,
        grades,
        defaults,
        reports,
        repairs,
    ]
}

/// The code of the n-th enterprise.
pub fn subject(n: u32) -> Option<String> {
    let body = format!("MAY{n:05}");
    let code =
        Uscc::assemble(*b"91", RegionCode::from_digits(330_199).ok()?, body.as_bytes().try_into().ok()?);
    code.ok().map(|c| c.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_same_seed_gives_the_same_rows_and_codes_are_distinct() {
        let (one, two) = (district(200, 1), district(200, 1));
        for (a, b) in one.iter().zip(&two) {
            assert_eq!(a.rows, b.rows, "{}", a.name);
        }
        let codes: BTreeSet<&String> = one[0].rows.iter().map(|r| &r[0]).collect();
        assert_eq!(codes.len(), 200);
        assert_ne!(district(200, 2)[2].rows, one[2].rows);
    }

    #[test]
    fn the_shipped_district_is_the_one_that_is_generated() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../district");
        let made = std::env::temp_dir().join(format!("hengxin-district-{}", std::process::id()));
        std::fs::create_dir_all(&made).expect("a folder for the test");
        for sheet in district(3000, 20_261_101) {
            sheet.write_csv(&made).expect("written");
            let name = format!("{}.csv", sheet.name);
            let read = |folder: &Path| std::fs::read(folder.join(&name)).expect("a file of the district");
            assert!(
                read(&shipped) == read(&made),
                "district/{name} differs: write it again with `hengxin generate --format both --out district`"
            );
        }
        std::fs::remove_dir_all(&made).expect("removed");
    }
}
