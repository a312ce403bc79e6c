-- What `hengxin rescore --field food-production` computes, as one DuckDB query: score, outcome and grade of
-- public-comprehensive 2026.1 and of food-producers 2022.1, and the tier of food-production 2026.1, for each subject.
--
-- Variables: `facts` (Parquet files of a dataset, sorted as docs/dataset.md says), `as_of` (date), `known_at` (moment).
-- Every register must have been delivered for the whole country on `as_of`; the runner checks it.
--
-- Left out, which favours DuckDB: the horizon, the findings' names, the number of unknown indicators, the fingerprint of
-- the facts, the columns taken over from the registration, and the order by subject.
--
-- How it is made fast. The class of a fact is a text with a few thousand values: `classes` works out once for each of
-- them what it means to the standards, so that a fact costs one join with a small table and no text function. Windows are
-- ages of 12, 24 and 36 months. What is counted is packed, several counters in one number, so that a few sums, one
-- bit_or and a few maxima serve all 26 indicators; 1,023 facts of a kind within a window are the most it can count. Sums
-- of counters are DOUBLE because their addition is the cheapest, and exact below 2^53. The last fact of a kind is the one
-- that stands last in its file: a subject is in one file, in the order of its facts, so `fact` need not be read.
CREATE OR REPLACE TEMP TABLE classes AS
WITH kinds AS (
    SELECT
        class,
        split_part(class, ';', 1) AS code,
        regexp_extract(class, ';severity=([a-z-]+)', 1) AS severity,
        regexp_extract(class, ';field=([a-z-]+)', 1) AS field,
        regexp_extract(class, ';kind=([a-z-]+)', 1) AS kind,
        regexp_extract(class, ';level=([a-z-]+)', 1) AS level,
        regexp_extract(class, ';reason=([a-z-]+)', 1) AS reason,
        regexp_extract(class, ';fulfilment=([a-z-]+)', 1) AS fulfilment,
        regexp_extract(class, ';result=([a-z-]+)', 1) AS result,
        regexp_extract(class, ';state=([a-z-]+)', 1) AS state,
        regexp_extract(class, ';scheme=([a-z-]+)', 1) AS scheme,
        regexp_extract(class, ';grade=([a-z-]+)', 1) AS grade,
        regexp_extract(class, ';data=([a-z-]+)', 1) AS data,
        regexp_extract(class, ';status=([a-z-]+)', 1) AS status
    FROM (SELECT DISTINCT class FROM read_parquet(getvariable('facts')))
),
-- What one fact of a class adds, by its age: to 12 months, to 24, to 36.
weights AS (
    SELECT
        class,
        code,
        -- Points of judgments, halves of points of honours, points of accidents.
        CASE WHEN code = 'judgment' AND kind <> 'civil' THEN
            CASE kind WHEN 'administrative' THEN 10 WHEN 'criminal' THEN 60 WHEN 'financing-crime' THEN 60 ELSE 6 END
            ELSE 0 END AS judgment,
        CASE WHEN code = 'honour' AND kind IN ('commendation', 'innovation') THEN
            CASE level WHEN 'national' THEN 30 WHEN 'provincial' THEN 20 WHEN 'city' THEN 10 WHEN 'county' THEN 5 END
            ELSE 0 END AS honour,
        CASE WHEN code = 'accident' THEN
            CASE level WHEN 'general' THEN 10 WHEN 'larger' THEN 24 WHEN 'major' THEN 40 WHEN 'especially-major' THEN 40 END
            ELSE 0 END AS accident,
        (code = 'commitment' AND fulfilment = 'full')::INTEGER AS commitment_full,
        (code = 'commitment' AND fulfilment IN ('full', 'partial', 'none'))::INTEGER AS commitment_all,
        (code = 'contract-performance' AND result = 'breached' AND kind IN ('government-procurement', 'public-resource'))::INTEGER
            AS public_breach,
        (code = 'commitment' AND kind IN ('voluntary', 'self-discipline'))::INTEGER AS voluntary,
        (code = 'honour' AND kind = 'charity')::INTEGER AS charity,
        (code = 'inspection' AND result IN ('passed', 'corrected'))::INTEGER AS inspection_good,
        (code = 'inspection')::INTEGER AS inspection,
        (code = 'social-insurance' AND state = 'paid')::INTEGER AS insured,
        (code = 'social-insurance')::INTEGER AS insurable,
        (code = 'abnormal-operation')::INTEGER AS abnormal,
        -- Bits: fields of penalties 0-9, kinds of broken commitments 10-16, then single ones.
        CASE WHEN code = 'administrative-penalty' AND field <> '' THEN 1 << (list_position(['market-regulation', 'tax',
            'environment', 'work-safety', 'food-drug', 'transport', 'construction', 'labour', 'finance', 'other'], field) - 1)
            ELSE 0 END AS field_bit,
        CASE WHEN code = 'commitment' AND fulfilment = 'none' THEN 1 << (9 + list_position(['approval-replacing', 'tolerance',
            'proof', 'repair', 'self-discipline', 'voluntary', 'other'], kind)) ELSE 0 END AS broken_bit,
        CASE WHEN code = 'administrative-penalty' THEN 1 << 17 ELSE 0 END AS penalty_bit,
        CASE WHEN code = 'inspection' AND result = 'refused' THEN 1 << 18 ELSE 0 END AS refused_bit,
        CASE WHEN code = 'accident' AND level IN ('major', 'especially-major') THEN 1 << 19 ELSE 0 END AS major_bit,
        CASE WHEN code = 'food-intentional-offence' THEN 1 << 20 ELSE 0 END AS intent_bit,
        CASE
            WHEN code = 'abnormal-operation' THEN
                CASE WHEN reason IN ('false-information', 'unreachable') THEN (1 << 21) | (1 << 22) ELSE 1 << 21 END
            WHEN code = 'enforcement-default' THEN 1 << 23
            WHEN code = 'serious-dishonesty-list' THEN 1 << 24
            WHEN code = 'arrears' AND kind IN ('payment-to-sme', 'wages', 'social-insurance') THEN 1 << 25
            WHEN code = 'honour' AND kind = 'red-list' THEN
                CASE WHEN level IN ('national', 'provincial') THEN (1 << 26) | (1 << 27) ELSE 1 << 26 END
            ELSE 0 END AS force_bits,
        -- Which sum the number belongs to.
        CASE WHEN code = 'administrative-penalty' THEN 1
            WHEN code = 'contract-performance' THEN CASE result WHEN 'performed' THEN 2 ELSE 3 END
            WHEN code = 'arrears' THEN 4 ELSE 0 END AS money,
        -- What is looked up in the last fact, and what it says.
        CASE WHEN code = 'official-grade' AND scheme = 'tax' THEN 1
            WHEN code = 'official-grade' AND scheme = 'environment' THEN 2
            WHEN code = 'tax-status' THEN 3
            WHEN code = 'food-dynamic-risk' THEN 4
            WHEN code = 'food-static-risk' THEN 5
            WHEN code = 'registration' THEN 6
            ELSE 0 END AS latest,
        CASE
            WHEN code = 'official-grade' AND scheme = 'tax' THEN
                CASE grade WHEN 'a' THEN 40 WHEN 'b' THEN 32 WHEN 'm' THEN 25 WHEN 'c' THEN 12 WHEN 'd' THEN 0 WHEN '' THEN 25 ELSE 20 END
            WHEN code = 'official-grade' AND scheme = 'environment' THEN
                CASE grade WHEN 'green' THEN 20 WHEN 'blue' THEN 16 WHEN 'yellow' THEN 6 WHEN 'red' THEN 0 WHEN '' THEN 63 ELSE 10 END
            WHEN code = 'tax-status' THEN CASE data WHEN 'complete' THEN 30 ELSE 18 END
            WHEN code = 'registration' THEN (status IN ('revoked', 'deregistered', 'moved-out', 'withdrawn', 'suspended'))::INTEGER
            ELSE 0 END AS says,
        CASE WHEN code = 'administrative-penalty' THEN
            CASE severity WHEN 'minor' THEN 4 WHEN 'serious' THEN 60 ELSE 20 END ELSE 0 END AS penalty,
        code = 'annual-report' AND state = 'on-time' AS on_time
    FROM kinds
    WHERE code IN ('registration', 'administrative-penalty', 'abnormal-operation', 'serious-dishonesty-list', 'judgment',
        'enforcement-default', 'official-grade', 'tax-status', 'commitment', 'contract-performance', 'arrears', 'inspection',
        'honour', 'social-insurance', 'accident', 'annual-report', 'food-static-risk', 'food-dynamic-risk',
        'food-intentional-offence')
)
SELECT
    class,
    -- Events with decay: 17 bits each; judgments and honours halve after 12 months, accidents after 24.
    (judgment * 2 + honour * 2 * 131072 + accident * 2 * 17179869184)::DOUBLE AS events_12,
    (judgment + honour * 131072 + accident * 2 * 17179869184)::DOUBLE AS events_24,
    (judgment + honour * 131072 + accident * 17179869184)::DOUBLE AS events_36,
    -- Counts: 10 bits each.
    (commitment_full + commitment_all * 1024 + public_breach * 1048576)::DOUBLE AS deeds_36,
    (commitment_full + commitment_all * 1024 + public_breach * 1048576 + voluntary * 1073741824 + charity * 1099511627776)::DOUBLE
        AS deeds_24,
    (inspection_good + inspection * 1024 + abnormal * 1048576)::DOUBLE AS checks_24,
    (inspection_good + inspection * 1024 + abnormal * 1048576 + insured * 1073741824 + insurable * 1099511627776)::DOUBLE AS checks_12,
    (major_bit)::BIGINT AS bits_36,
    (major_bit | field_bit | broken_bit | penalty_bit | refused_bit)::BIGINT AS bits_24,
    (major_bit | field_bit | broken_bit | penalty_bit | refused_bit | intent_bit)::BIGINT AS bits_12,
    force_bits::BIGINT AS force_bits,
    money::TINYINT AS money,
    latest::TINYINT AS latest,
    says::BIGINT AS says,
    penalty::BIGINT AS penalty,
    on_time
FROM weights;

WITH
-- Facts that are known, have happened and count, and that a window or a status can reach.
counting AS (
    SELECT
        f.subject,
        f.number,
        f.file_row_number AS place,
        CASE
            WHEN occurred_on > (getvariable('as_of') - INTERVAL 12 MONTH)::DATE THEN 12
            WHEN occurred_on > (getvariable('as_of') - INTERVAL 24 MONTH)::DATE THEN 24
            WHEN occurred_on > (getvariable('as_of') - INTERVAL 36 MONTH)::DATE THEN 36
            ELSE 99 END::TINYINT AS age,
        ends_on IS NULL OR ends_on >= getvariable('as_of') AS in_force,
        f.reference,
        f.industry,
        f.established_on,
        c.*
    FROM read_parquet(getvariable('facts'), file_row_number = true) f
    JOIN classes c ON c.class = f.class
    WHERE known_from <= getvariable('known_at')
        AND (known_until IS NULL OR known_until > getvariable('known_at'))
        AND occurred_on <= getvariable('as_of')
        AND (repaired_on IS NULL OR repaired_on > getvariable('as_of'))
        AND (publicity_until IS NULL OR publicity_until >= getvariable('as_of'))
        AND (objections IS NULL OR len(list_filter(string_split(objections, ';'), lambda o:
            o[1:10] <= getvariable('as_of')::VARCHAR AND (o[12:] = '' OR o[12:] > getvariable('as_of')::VARCHAR))) = 0)
),
read AS (
    SELECT
        subject,
        sum(CASE age WHEN 12 THEN events_12 WHEN 24 THEN events_24 WHEN 36 THEN events_36 ELSE 0 END)::BIGINT AS events,
        sum(CASE age WHEN 12 THEN deeds_24 WHEN 24 THEN deeds_24 WHEN 36 THEN deeds_36 ELSE 0 END)::BIGINT AS deeds,
        sum(CASE age WHEN 12 THEN checks_12 WHEN 24 THEN checks_24 ELSE 0 END)::BIGINT AS checks,
        bit_or(CASE age WHEN 12 THEN bits_12 WHEN 24 THEN bits_24 WHEN 36 THEN bits_36 ELSE 0 END
            | CASE WHEN in_force THEN force_bits ELSE 0 END
            | CASE WHEN on_time AND age <= 36 THEN 1::BIGINT << (28 + CAST(reference AS INTEGER) % 34) ELSE 0 END) AS bits,
        sum(number) FILTER (money = 1 AND age <= 24) AS fines,
        sum(number) FILTER (money = 2 AND age <= 36) AS performed,
        sum(number) FILTER (money = 3 AND age <= 36) AS breached,
        sum(number) FILTER (money = 4 AND age <= 24) AS arrears,
        max(place * 64 + says) FILTER (latest = 1 AND age <= 24) % 64 AS tax_grade,
        max(place * 64 + says) FILTER (latest = 2 AND age <= 24) % 64 AS environment_grade,
        max(place * 64 + says) FILTER (latest = 3 AND age <= 24) % 64 AS tax_data,
        max(place * 524288 + CASE WHEN number IS NULL THEN 0 ELSE greatest(0, least(number, 400000)) + 1 END)
            FILTER (latest = 4 AND age <= 24) % 524288 AS dynamic_risk,
        max(place * 524288 + CASE WHEN number IS NULL THEN 0 ELSE greatest(0, least(number, 400000)) + 1 END)
            FILTER (latest = 5) % 524288 AS static_risk,
        -- Not active; industry unknown, another, or C13 to C15; established, as days since 1800, 0 when unknown.
        max(place * 4194304 + says * 2097152
            + CASE WHEN industry IS NULL THEN 0 WHEN industry[1:3] IN ('C13', 'C14', 'C15') THEN 2 ELSE 1 END * 524288
            + CASE WHEN established_on IS NULL THEN 0 ELSE established_on - DATE '1800-01-01' END)
            FILTER (latest = 6) % 4194304 AS registration,
        -- Penalties in halves of quarters of a point. The first counts once, the second one and a half times, the others twice.
        sum(penalty * CASE age WHEN 12 THEN 4 WHEN 24 THEN 2 ELSE 1 END) FILTER (penalty > 0 AND age <= 36) AS penalties,
        min(place * 256 + penalty * CASE age WHEN 12 THEN 4 WHEN 24 THEN 2 ELSE 1 END, 2)
            FILTER (penalty > 0 AND age <= 36) AS first_penalties
    FROM counting
    GROUP BY subject
),
-- Points in ten-thousandths.
unpacked AS (
    SELECT
        subject,
        events & 131071 AS judgments,
        (events >> 17) & 131071 AS honours,
        events >> 34 AS accidents,
        deeds & 1023 AS commitment_full,
        (deeds >> 10) & 1023 AS commitment_all,
        (deeds >> 20) & 1023 AS public_breaches,
        (deeds >> 30) & 1023 AS voluntary,
        deeds >> 40 AS charity,
        checks & 1023 AS inspection_good,
        (checks >> 10) & 1023 AS inspection,
        (checks >> 20) & 1023 AS abnormal,
        (checks >> 30) & 1023 AS insured,
        checks >> 40 AS insurable,
        bits,
        coalesce(fines, 0) AS fines,
        coalesce(performed, 0) AS performed,
        coalesce(performed, 0) + coalesce(breached, 0) AS contracted,
        coalesce(arrears, 0) AS arrears,
        tax_grade, environment_grade, tax_data, dynamic_risk, static_risk,
        coalesce(registration >> 21, 0) = 1 AS not_active,
        coalesce((registration >> 19) & 3, 0) = 1 AS other_industry,
        CASE WHEN registration & 524287 > 0 THEN DATE '1800-01-01' + (registration & 524287)::INTEGER END AS established_on,
        -- Eighths of a point.
        coalesce(4 * penalties - 2 * (first_penalties[1] % 256) - coalesce(first_penalties[2] % 256, 0), 0) AS penalty_eighths
    FROM read
),
scored AS (
    SELECT
        *,
        not_active OR coalesce(established_on > (getvariable('as_of') - INTERVAL 3 MONTH)::DATE, false) AS public_excluded,
        -- Compliance.
        greatest(0, 1400000 - penalty_eighths * 1250)
        + CASE WHEN fines < 1000000 THEN 600000 WHEN fines < 10000000 THEN 450000 WHEN fines < 100000000 THEN 200000 ELSE 0 END
        + greatest(0, 300000 - 100000 * bit_count(bits & 1023))
        + CASE WHEN bits & (1 << 21) = 0 THEN 400000 ELSE 0 END
        + greatest(0, 300000 - 150000 * abnormal)
        + greatest(0, 600000 - 5000 * judgments)
        + CASE WHEN bits & (1 << 23) = 0 THEN 400000 ELSE 0 END
        -- Performance.
        + CASE WHEN commitment_all = 0 THEN 350000 ELSE 50 * ((20000 * commitment_full + commitment_all) // (2 * commitment_all)) END
        + greatest(0, 200000 - 100000 * bit_count(bits & 130048))
        + CASE WHEN contracted = 0 THEN 350000 ELSE
            CASE WHEN (20000 * performed + contracted) // (2 * contracted) < 6000 THEN 0
                WHEN (20000 * performed + contracted) // (2 * contracted) < 8000 THEN 200000
                WHEN (20000 * performed + contracted) // (2 * contracted) < 9500 THEN 350000
                ELSE 500000 END END
        + greatest(0, 200000 - 100000 * public_breaches)
        + CASE WHEN bits & (1 << 25) = 0 THEN 400000 ELSE 0 END
        + CASE WHEN arrears < 10000000 THEN 200000 WHEN arrears < 100000000 THEN 100000 ELSE 0 END
        -- Responsibility.
        + least(500000, 5000 * honours)
        + CASE WHEN bits & (1 << 26) = 0 THEN 0 ELSE 200000 END
        + least(150000, 50000 * charity)
        + least(150000, 50000 * voluntary)
        -- Risk.
        + CASE WHEN inspection = 0 THEN 280000 ELSE 40 * ((20000 * inspection_good + inspection) // (2 * inspection)) END
        + CASE WHEN bits & (1 << 18) = 0 THEN 200000 ELSE 0 END
        + greatest(0, 400000 - 5000 * accidents)
            AS sum_of_others,
        -- Management, which is scaled up when there is no environment grade.
        CASE
            WHEN established_on IS NULL OR established_on > (getvariable('as_of') - INTERVAL 12 MONTH)::DATE THEN 50000
            WHEN established_on > (getvariable('as_of') - INTERVAL 36 MONTH)::DATE THEN 150000
            WHEN established_on > (getvariable('as_of') - INTERVAL 120 MONTH)::DATE THEN 250000
            ELSE 300000 END
        + CASE bit_count(bits >> 28) WHEN 0 THEN 0 WHEN 1 THEN 150000 WHEN 2 THEN 300000 ELSE 400000 END
        + coalesce(tax_grade, 25) * 10000
        + coalesce(tax_data, 18) * 10000
        + CASE WHEN insurable = 0 THEN 250000 ELSE
            80 * greatest(0, (20000 * insured + insurable) // (2 * insurable) - 5000) END
            AS management
    FROM unpacked
),
public_scores AS (
    SELECT
        *,
        -- Hundredths of a point, half up.
        CASE WHEN NOT public_excluded THEN (sum_of_others
            + CASE WHEN coalesce(environment_grade, 63) = 63 THEN (management * 20 + 9) // 18 ELSE management + environment_grade * 10000 END
            + 50) // 100 END AS public_score,
        other_industry AND static_risk IS NULL OR not_active AS food_excluded
    FROM scored
),
public_grades AS (
    SELECT
        *,
        CASE WHEN public_score IS NULL THEN NULL ELSE greatest(
            CASE WHEN bits & (1 << 24) > 0 THEN 4 ELSE banded END,
            CASE WHEN bits & ((1 << 23) | (1 << 19)) > 0 THEN 3 ELSE 1 END,
            CASE WHEN established_on > (getvariable('as_of') - INTERVAL 12 MONTH)::DATE THEN 2 ELSE 1 END,
            CASE WHEN bits & (1 << 22) > 0 THEN least(4, banded + 1) ELSE 1 END) END AS public_grade,
        -- Ten-thousandths to hundredths; both numbers are one more than what they say.
        CASE WHEN NOT food_excluded AND static_risk > 0 AND dynamic_risk > 0 THEN
            (400001 - static_risk + 400001 - dynamic_risk + coalesce(2 * public_score, 160000) + 50) // 100 END AS food_score
    FROM (
        SELECT
            *,
            least(
                CASE WHEN public_score >= 85000 THEN 1 WHEN public_score >= 70000 THEN 2 WHEN public_score >= 55000 THEN 3 ELSE 4 END,
                CASE WHEN bits & (1 << 27) > 0 AND bits & (1 << 17) = 0 THEN 3 ELSE 4 END) AS banded
        FROM public_scores
    )
),
food_grades AS (
    SELECT
        *,
        CASE
            WHEN food_excluded THEN NULL
            WHEN bits & (1 << 24) > 0 THEN 4
            WHEN food_score IS NULL THEN NULL
            ELSE least(4, CASE WHEN food_score >= 7000 THEN 1 WHEN food_score >= 5500 THEN 2 WHEN food_score >= 4000 THEN 3 ELSE 4 END
                + CASE WHEN bits & (1 << 20) > 0 THEN 1 ELSE 0 END) END AS food_grade
    FROM public_grades
)
SELECT
    subject,
    CASE WHEN public_excluded THEN 'not-eligible' ELSE 'graded' END AS public_outcome,
    (public_score / 100)::DECIMAL(18, 4) AS public_score,
    CASE public_grade WHEN 1 THEN 'A' WHEN 2 THEN 'B' WHEN 3 THEN 'C' WHEN 4 THEN 'D' END AS public_grade,
    CASE WHEN food_excluded THEN 'not-eligible' WHEN food_score IS NULL THEN 'cannot-score' ELSE 'graded' END AS food_outcome,
    (food_score / 100)::DECIMAL(18, 4) AS food_score,
    CASE food_grade WHEN 1 THEN 'A' WHEN 2 THEN 'B' WHEN 3 THEN 'C' WHEN 4 THEN 'D' END AS food_grade,
    coalesce(food_grade, 3)::UTINYINT AS tier
FROM food_grades
