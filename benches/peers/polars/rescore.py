"""What `hengxin rescore --field food-production` computes, in Polars: score, outcome and grade of public-comprehensive
2026.1 and of food-producers 2022.1, and the tier of food-production 2026.1, for each subject. Prints, as JSON, the
seconds it took; the start of Python and the import of Polars are not among them.

The query is that of `../duckdb/rescore.sql`, with the same tricks and the same things left out: a table says what a fact
of a class adds at its age, counters are packed into few sums, and the last fact of a kind is the one that stands last.
"""

import argparse
import datetime
import json
import os
import time


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", help="Parquet files, as a glob")
    parser.add_argument("--as-of", required=True, type=datetime.date.fromisoformat, metavar="YYYY-MM-DD")
    parser.add_argument("--known-at", required=True, metavar="MOMENT", help="such as 2026-10-31T10:00:00Z")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", required=True, metavar="FILE", help="the results, as Parquet")
    parser.add_argument("--engine", choices=["streaming", "in-memory"], default="streaming")
    arguments = parser.parse_args()
    os.environ["POLARS_MAX_THREADS"] = str(arguments.threads)

    import polars

    global pl
    pl = polars
    known_at = datetime.datetime.fromisoformat(arguments.known_at)
    start = time.perf_counter()
    rows = pl.scan_parquet(arguments.files, row_index_name="place")
    # Texts that are dictionaries in the file are categories here, and are compared as such.
    seen = rows.select("class").unique().collect(engine=arguments.engine)["class"]
    classes = effects(seen.cast(pl.String).to_list()).with_columns(pl.col("class").cast(seen.dtype))
    prepared = time.perf_counter()
    table = scored(read(rows, classes, arguments.as_of, known_at), arguments.as_of)
    if arguments.engine == "streaming":
        table.sink_parquet(arguments.out, compression="snappy", maintain_order=False)
    else:
        table.collect(engine="in-memory").write_parquet(arguments.out, compression="snappy")
    end = time.perf_counter()
    print(json.dumps({"seconds": end - start, "classes": prepared - start, "version": pl.__version__}))


FIELDS = "market-regulation tax environment work-safety food-drug transport construction labour finance other".split()
COMMITMENTS = "approval-replacing tolerance proof repair self-discipline voluntary other".split()
INACTIVE = ["revoked", "deregistered", "moved-out", "withdrawn", "suspended"]

# Bits: fields of penalties 0-9, kinds of broken commitments 10-16, then single ones, then years of annual reports from 28.
PENALTY, REFUSED, MAJOR, INTENT = 1 << 17, 1 << 18, 1 << 19, 1 << 20
ABNORMAL, FALSE_OR_UNREACHABLE, ENFORCEMENT, SERIOUS, ARREARS = 1 << 21, 1 << 22, 1 << 23, 1 << 24, 1 << 25
RED_LIST, HIGH_RED_LIST = 1 << 26, 1 << 27

TAX_GRADE, ENVIRONMENT_GRADE, TAX_DATA, DYNAMIC_RISK, STATIC_RISK, REGISTRATION = 1, 2, 3, 4, 5, 6


def effects(classes):
    """What a fact of a class adds at an age, in force or not; what adds nothing is not there."""
    lines = []
    for text in classes:
        code, *attributes = text.split(";")
        of = dict(attribute.split("=", 1) for attribute in attributes)
        for age in (12, 24, 36, 99):
            for in_force in (True, False):
                line = effect(code, of, age, in_force)
                if any(line.values()):
                    lines.append({"class": text, "age": age, "in_force": in_force, **line})
    whole = {name: pl.Int64 for name in ("events", "deeds", "checks", "bits", "says", "penalty")}
    small = {"age": pl.Int8, "in_force": pl.Boolean, "money": pl.Int8, "latest": pl.Int8, "on_time": pl.Boolean}
    return pl.DataFrame(lines, schema_overrides=whole | small).lazy()


def effect(code, of, age, in_force):
    line = dict(events=0, deeds=0, checks=0, bits=0, money=0, latest=0, says=0, penalty=0, on_time=False)
    kind, level, result = of.get("kind"), of.get("level"), of.get("result")
    now, recent, reached = age <= 12, age <= 24, age <= 36
    if code == "judgment" and kind != "civil" and reached:
        points = {"administrative": 10, "criminal": 60, "financing-crime": 60}.get(kind, 6)
        line["events"] = points * (2 if now else 1)
    elif code == "honour":
        if kind in ("commendation", "innovation") and reached:
            points = {"national": 30, "provincial": 20, "city": 10, "county": 5}[level]
            line["events"] = points * (2 if now else 1) << 17
        elif kind == "charity" and recent:
            line["deeds"] = 1 << 40
        elif kind == "red-list" and in_force:
            line["bits"] = RED_LIST | (HIGH_RED_LIST if level in ("national", "provincial") else 0)
    elif code == "accident" and reached:
        points = {"general": 10, "larger": 24, "major": 40, "especially-major": 40}[level]
        line["events"] = points * (2 if recent else 1) << 34
        line["bits"] = MAJOR if level in ("major", "especially-major") else 0
    elif code == "commitment" and reached:
        fulfilment = of.get("fulfilment")
        line["deeds"] = (fulfilment == "full") | (fulfilment is not None) << 10
        if recent:
            line["deeds"] |= (kind in ("voluntary", "self-discipline")) << 30
            line["bits"] = 1 << 10 + COMMITMENTS.index(kind) if fulfilment == "none" else 0
    elif code == "contract-performance" and reached:
        line["deeds"] = (result == "breached" and kind in ("government-procurement", "public-resource")) << 20
        line["money"] = 2 if result == "performed" else 3
    elif code == "inspection" and recent:
        line["checks"] = (result in ("passed", "corrected")) | 1 << 10
        line["bits"] = REFUSED if result == "refused" else 0
    elif code == "social-insurance" and now:
        line["checks"] = (of.get("state") == "paid") << 30 | 1 << 40
    elif code == "abnormal-operation":
        line["checks"] = recent << 20
        false = of.get("reason") in ("false-information", "unreachable")
        line["bits"] = in_force * (ABNORMAL | (FALSE_OR_UNREACHABLE if false else 0))
    elif code == "administrative-penalty":
        line["penalty"] = {"minor": 4, "serious": 60}.get(of.get("severity"), 20) * {12: 4, 24: 2, 36: 1}.get(age, 0)
        if recent:
            line["money"] = 1
            line["bits"] = PENALTY | (1 << FIELDS.index(of["field"]) if "field" in of else 0)
    elif code == "arrears":
        line["money"] = 4 * recent
        line["bits"] = ARREARS * (in_force and kind in ("payment-to-sme", "wages", "social-insurance"))
    elif code == "enforcement-default":
        line["bits"] = ENFORCEMENT * in_force
    elif code == "serious-dishonesty-list":
        line["bits"] = SERIOUS * in_force
    elif code == "food-intentional-offence":
        line["bits"] = INTENT * now
    elif code == "annual-report":
        line["on_time"] = reached and of.get("state") == "on-time"
    elif code == "official-grade" and recent and of["scheme"] == "tax":
        line["latest"] = TAX_GRADE
        line["says"] = {"a": 40, "b": 32, "m": 25, "c": 12, "d": 0}.get(of["grade"], 20)
    elif code == "official-grade" and recent and of["scheme"] == "environment":
        line["latest"] = ENVIRONMENT_GRADE
        line["says"] = {"green": 20, "blue": 16, "yellow": 6, "red": 0}.get(of["grade"], 10)
    elif code == "tax-status" and recent:
        line["latest"], line["says"] = TAX_DATA, 30 if of.get("data") == "complete" else 18
    elif code == "food-dynamic-risk" and recent:
        line["latest"] = DYNAMIC_RISK
    elif code == "food-static-risk":
        line["latest"] = STATIC_RISK
    elif code == "registration":
        line["latest"], line["says"] = REGISTRATION, int(of.get("status") in INACTIVE)
    return line


def months_before(day, months):
    """That day so many months earlier, or that month's last day when it has no such day."""
    return pl.select(pl.lit(day).dt.offset_by(f"-{months}mo")).item()


def read(rows, classes, as_of, known_at):
    """The readings of each subject, packed."""
    c = pl.col
    day = as_of.isoformat()
    objections = c("objections").cast(pl.String)
    one = objections.str.len_bytes() <= 21
    suspended_once = (objections.str.slice(0, 10) <= day) & (
        (objections.str.len_bytes() == 11) | (objections.str.slice(11, 10) > day)
    )
    each = pl.element()
    one_suspends = (each.str.slice(0, 10) <= day) & ((each.str.len_bytes() == 11) | (each.str.slice(11) > day))
    suspended_several = objections.str.split(";").list.eval(one_suspends).list.any()
    counting = (
        rows.filter(
            c("known_from") <= known_at,
            c("known_until").is_null() | (c("known_until") > known_at),
            c("occurred_on") <= as_of,
            c("repaired_on").is_null() | (c("repaired_on") > as_of),
            c("publicity_until").is_null() | (c("publicity_until") >= as_of),
            c("objections").is_null() | ~pl.when(one).then(suspended_once).otherwise(suspended_several),
        )
        .with_columns(
            age=pl.when(c("occurred_on") > months_before(as_of, 12)).then(12)
            .when(c("occurred_on") > months_before(as_of, 24)).then(24)
            .when(c("occurred_on") > months_before(as_of, 36)).then(36)
            .otherwise(99).cast(pl.Int8),
            in_force=c("ends_on").is_null() | (c("ends_on") >= as_of),
        )
        .join(classes, on=["class", "age", "in_force"])
    )
    # A score is one more than it is, 0 when absent. A registration: not active; industry; days since 1800.
    says = (
        pl.when(c("latest") == REGISTRATION).then(
            c("says") * 2097152
            + pl.when(c("industry").is_null()).then(0)
            .when(c("industry").cast(pl.String).str.slice(0, 3).is_in(["C13", "C14", "C15"])).then(1048576).otherwise(524288)
            + (c("established_on") - pl.lit(datetime.date(1800, 1, 1))).dt.total_days().fill_null(0)
        )
        .when(c("latest") >= DYNAMIC_RISK).then((c("number").clip(0, 400000) + 1).fill_null(0))
        .otherwise(c("says"))
    )
    year = pl.when(c("on_time")).then(c("reference")).cast(pl.Int64)
    packed = counting.select(
        "subject", "events", "deeds", "checks", "number", "money", "latest", "penalty",
        bits=c("bits") | pl.lit(2, pl.Int64).pow(28 + year % 34).fill_null(0).cast(pl.Int64),
        last=c("place").cast(pl.Int64) * 4194304 + says,
        penalty_place=c("place").cast(pl.Int64) * 256 + c("penalty"),
    )
    money = {name: c("number").filter(c("money") == i).sum() for i, name in enumerate(["fines", "performed", "breached", "arrears"], 1)}
    names = ["tax_grade", "environment_grade", "tax_data", "dynamic_risk", "static_risk", "registration"]
    latest = {name: c("last").filter(c("latest") == i).max() for i, name in enumerate(names, 1)}
    subjects = packed.group_by("subject").agg(
        c("events").sum(), c("deeds").sum(), c("checks").sum(), c("bits").bitwise_or(),
        penalties=c("penalty").sum(),
        first_penalty=c("penalty_place").filter(c("penalty") > 0).min(),
        **money, **latest,
    )
    # The second penalty, of those who have one.
    second = (
        packed.filter(c("penalty") > 0)
        .group_by("subject")
        .agg(c("penalty_place").bottom_k(2))
        .filter(c("penalty_place").list.len() == 2)
        .select("subject", second_penalty=c("penalty_place").list.max())
    )
    return subjects.join(second, on="subject", how="left")


def scored(subjects, as_of):
    """Scores, grades and tiers from the packed readings. Points are ten-thousandths."""
    c, when = pl.col, pl.when

    def field(name, low, bits):
        return c(name) // (1 << low) % (1 << bits)

    def has(bit):
        return (c("bits") & bit) != 0

    def share(of, to):
        return (20000 * of + to) // (2 * to)

    def floor0(points):
        return points.clip(lower_bound=0)

    def bits_in(mask):
        return (c("bits") & mask).bitwise_count_ones().cast(pl.Int64)

    year, years3, years10 = (months_before(as_of, months) for months in (12, 36, 120))
    established = when(c("registration") % 524288 > 0).then(
        pl.lit(datetime.date(1800, 1, 1)) + pl.duration(days=c("registration") % 524288)
    )
    unpacked = subjects.with_columns(
        judgments=field("events", 0, 17), honours=field("events", 17, 17), accidents=c("events") // (1 << 34),
        commitment_full=field("deeds", 0, 10), commitment_all=field("deeds", 10, 10), public_breaches=field("deeds", 20, 10),
        voluntary=field("deeds", 30, 10), charity=c("deeds") // (1 << 40),
        inspection_good=field("checks", 0, 10), inspection=field("checks", 10, 10), abnormal=field("checks", 20, 10),
        insured=field("checks", 30, 10), insurable=c("checks") // (1 << 40),
        contracted=c("performed") + c("breached"),
        tax_grade=c("tax_grade") % 64, environment_grade=c("environment_grade") % 64, tax_data=c("tax_data") % 64,
        dynamic_risk=c("dynamic_risk") % 4194304, static_risk=c("static_risk") % 4194304,
        not_active=(c("registration") % 4194304 // 2097152 == 1).fill_null(False),
        other_industry=(c("registration") % 2097152 // 524288 == 1).fill_null(False),
        established_on=established,
        # Eighths of a point.
        penalty_eighths=4 * c("penalties") - 2 * (c("first_penalty") % 256).fill_null(0) - (c("second_penalty") % 256).fill_null(0),
    )  # fmt: skip
    performed, contracted = c("performed") * 20000, c("contracted")
    others = [
        floor0(1400000 - c("penalty_eighths") * 1250),
        when(c("fines") < 1000000).then(600000).when(c("fines") < 10000000).then(450000).when(c("fines") < 100000000).then(200000).otherwise(0),
        floor0(300000 - 100000 * bits_in(1023)),
        when(has(ABNORMAL)).then(0).otherwise(400000),
        floor0(300000 - 150000 * c("abnormal")),
        floor0(600000 - 5000 * c("judgments")),
        when(has(ENFORCEMENT)).then(0).otherwise(400000),
        when(c("commitment_all") == 0).then(350000).otherwise(50 * share(c("commitment_full"), c("commitment_all"))),
        floor0(200000 - 100000 * bits_in(130048)),
        # The share is rounded to a ten-thousandth: from 59.995 % it is 60 %.
        when(contracted == 0).then(350000).when(performed < contracted * 11999).then(0)
        .when(performed < contracted * 15999).then(200000).when(performed < contracted * 18999).then(350000).otherwise(500000),
        floor0(200000 - 100000 * c("public_breaches")),
        when(has(ARREARS)).then(0).otherwise(400000),
        when(c("arrears") < 10000000).then(200000).when(c("arrears") < 100000000).then(100000).otherwise(0),
        (5000 * c("honours")).clip(upper_bound=500000),
        when(has(RED_LIST)).then(200000).otherwise(0),
        (50000 * c("charity")).clip(upper_bound=150000),
        (50000 * c("voluntary")).clip(upper_bound=150000),
        when(c("inspection") == 0).then(280000).otherwise(40 * share(c("inspection_good"), c("inspection"))),
        when(has(REFUSED)).then(0).otherwise(200000),
        floor0(400000 - 5000 * c("accidents")),
    ]  # fmt: skip
    reports = (c("bits") // (1 << 28)).bitwise_count_ones()
    management = [
        when(c("established_on").is_null() | (c("established_on") > year)).then(50000)
        .when(c("established_on") > years3).then(150000).when(c("established_on") > years10).then(250000).otherwise(300000),
        when(reports == 0).then(0).when(reports == 1).then(150000).when(reports == 2).then(300000).otherwise(400000),
        c("tax_grade").fill_null(25) * 10000,
        c("tax_data").fill_null(18) * 10000,
        when(c("insurable") == 0).then(250000).otherwise(80 * floor0(share(c("insured"), c("insurable")) - 5000)),
    ]  # fmt: skip
    environment = when(c("environment_grade").is_null()).then((c("management") * 20 + 9) // 18).otherwise(
        c("management") + c("environment_grade") * 10000
    )
    too_young = (c("established_on") > months_before(as_of, 3)).fill_null(False)
    under_one_year = (c("established_on") > year).fill_null(False)
    # Scores are hundredths of a point, half up.
    score, food = c("public_score"), c("food_score")
    band = when(score >= 85000).then(1).when(score >= 70000).then(2).when(score >= 55000).then(3).otherwise(4)
    floored = pl.min_horizontal(band, when(has(HIGH_RED_LIST) & ~has(PENALTY)).then(3).otherwise(4))
    food_band = when(food >= 7000).then(1).when(food >= 5500).then(2).when(food >= 4000).then(3).otherwise(4)
    public_grade = pl.max_horizontal(
        when(has(SERIOUS)).then(4).otherwise(c("floored")),
        when(has(ENFORCEMENT | MAJOR)).then(3).otherwise(1),
        when(under_one_year).then(2).otherwise(1),
        when(has(FALSE_OR_UNREACHABLE)).then((c("floored") + 1).clip(upper_bound=4)).otherwise(1),
    )
    both = 400001 - c("static_risk") + 400001 - c("dynamic_risk") + (2 * score).fill_null(160000)
    food_grade = (
        when(c("food_excluded")).then(None).when(has(SERIOUS)).then(4).when(food.is_null()).then(None)
        .otherwise((food_band + when(has(INTENT)).then(1).otherwise(0)).clip(upper_bound=4))
    )  # fmt: skip

    def letter(grade):
        return when(grade == 1).then(pl.lit("A")).when(grade == 2).then(pl.lit("B")).when(grade == 3).then(pl.lit("C")).when(grade == 4).then(pl.lit("D"))

    def points(hundredths):
        return hundredths.cast(pl.Decimal(18, 0)) / pl.lit(100).cast(pl.Decimal(18, 2))

    return (
        unpacked.with_columns(
            others=sum(others[1:], others[0]),
            management=sum(management[1:], management[0]),
            public_excluded=c("not_active") | too_young,
            food_excluded=c("other_industry") & c("static_risk").is_null() | c("not_active"),
        )
        .with_columns(public_score=when(~c("public_excluded")).then((c("others") + environment + 50) // 100))
        .with_columns(
            floored=floored,
            food_score=when(~c("food_excluded") & (c("static_risk") > 0) & (c("dynamic_risk") > 0)).then((both + 50) // 100),
        )
        .with_columns(public_grade=when(score.is_not_null()).then(public_grade), food_grade=food_grade)
        .select(
            c("subject").cast(pl.String),
            public_outcome=when(c("public_excluded")).then(pl.lit("not-eligible")).otherwise(pl.lit("graded")),
            public_score=points(score),
            public_grade=letter(c("public_grade")),
            food_outcome=when(c("food_excluded")).then(pl.lit("not-eligible"))
            .when(food.is_null()).then(pl.lit("cannot-score")).otherwise(pl.lit("graded")),
            food_score=points(food),
            food_grade=letter(c("food_grade")),
            tier=c("food_grade").fill_null(3).cast(pl.UInt8),
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
