-- What `hengxin rescore --field food-production` computes, in DuckDB: score, outcome and grade of
-- public-comprehensive 2026.1 and of food-producers 2022.1, and the tier of food-production 2026.1, for each subject. The
-- last statement is the query.
--
-- Variables: `facts` (Parquet files of a dataset, sorted as docs/dataset.md says), `as_of` (date), `known_at` (moment).
-- Every register must have been delivered for the whole country on `as_of`; the runner checks it.
--
-- Left out, which favours DuckDB: the horizon, the findings' names, the number of unknown indicators, the fingerprint of
-- the facts, the columns taken over from the registration, the order by subject, and subjects of whom nothing was known at
-- the moment.
--
-- How it is made fast. The class of a fact is a text with a few thousand values: `classes` works out once for each of
-- them what a fact of it adds to the standards at an age (12, 24, 36 months, older), in force or not, so that a fact costs
-- one join with a small table and no text function, and two thirds of the facts, which add nothing, drop out in it. What
-- is counted is packed, several counters in one number: three sums and one bit_or serve most of the 26 indicators; 1,023
-- facts of a kind within a window are the most they can count. Sums of counters are DOUBLE because their addition is the
-- cheapest, and exact below 2^53. The last fact of a kind is the one that stands last in its file: a subject is in one
-- file, in the order of its facts, so that `fact`, the largest column, need not be read.
--
-- The table is made by a statement of its own because DuckDB then knows how small it is: within the query it builds the
-- join's table of the facts, which takes twice as long. Aggregation in two steps, by subject, class and age and then by
-- subject, was tried: its first step alone takes as long as this whole query up to the readings.
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
    age,
    in_force,
    -- Events with decay: 17 bits each; judgments and honours halve after 12 months, accidents after 24.
    CASE WHEN age <= 36 THEN
        (judgment + honour * 131072) * CASE age WHEN 12 THEN 2 ELSE 1 END
        + accident * 17179869184 * CASE WHEN age <= 24 THEN 2 ELSE 1 END
        ELSE 0 END::DOUBLE AS events,
    -- Counts: 10 bits each.
    CASE WHEN age <= 36 THEN commitment_full + commitment_all * 1024 + public_breach * 1048576
        + CASE WHEN age <= 24 THEN voluntary * 1073741824 + charity * 1099511627776 ELSE 0 END
        ELSE 0 END::DOUBLE AS deeds,
    CASE WHEN age <= 24 THEN inspection_good + inspection * 1024 + abnormal * 1048576
        + CASE WHEN age <= 12 THEN insured * 1073741824 + insurable * 1099511627776 ELSE 0 END
        ELSE 0 END::DOUBLE AS checks,
    (CASE WHEN age <= 36 THEN major_bit ELSE 0 END
        | CASE WHEN age <= 24 THEN field_bit | broken_bit | penalty_bit | refused_bit ELSE 0 END
        | CASE WHEN age <= 12 THEN intent_bit ELSE 0 END
        | CASE WHEN in_force THEN force_bits ELSE 0 END)::BIGINT AS bits,
    CASE WHEN money IN (1, 4) AND age <= 24 OR money IN (2, 3) AND age <= 36 THEN money ELSE 0 END::TINYINT AS money,
    CASE WHEN latest >= 5 OR age <= 24 THEN latest ELSE 0 END::TINYINT AS latest,
    says::BIGINT AS says,
    CASE age WHEN 12 THEN penalty * 4 WHEN 24 THEN penalty * 2 WHEN 36 THEN penalty ELSE 0 END::SMALLINT AS penalty,
    on_time AND age <= 36 AS on_time
FROM weights, (VALUES (12), (24), (36), (99)) ages(age), (VALUES (true), (false)) forces(in_force);

-- What has no effect on anything is left out, and with it most of the facts.
DELETE FROM classes
WHERE events = 0 AND deeds = 0 AND checks = 0 AND bits = 0 AND money = 0 AND latest = 0 AND penalty = 0 AND NOT on_time;

WITH
-- Facts that are known, have happened, count, and have an effect at their age.
counting AS (
    SELECT
        f.subject,
        f.number,
        f.file_row_number AS place,
        f.reference,
        f.industry,
        f.established_on,
        c.*
    FROM (
        SELECT
            *,
            CASE
                WHEN occurred_on > (getvariable('as_of') - INTERVAL 12 MONTH)::DATE THEN 12
                WHEN occurred_on > (getvariable('as_of') - INTERVAL 24 MONTH)::DATE THEN 24
                WHEN occurred_on > (getvariable('as_of') - INTERVAL 36 MONTH)::DATE THEN 36
                ELSE 99 END AS age,
            ends_on IS NULL OR ends_on >= getvariable('as_of') AS in_force
        FROM read_parquet(getvariable('facts'), file_row_number = true)
        WHERE known_from <= getvariable('known_at')
            AND (known_until IS NULL OR known_until > getvariable('known_at'))
            AND occurred_on <= getvariable('as_of')
            AND (repaired_on IS NULL OR repaired_on > getvariable('as_of'))
            AND (publicity_until IS NULL OR publicity_until >= getvariable('as_of'))
            -- `from/until` or `from/`; where there are several, they are joined by semicolons.
            AND (objections IS NULL OR CASE
                WHEN strlen(objections) <= 21 THEN objections[1:10] > getvariable('as_of')::VARCHAR
                    OR strlen(objections) = 21 AND objections[12:21] <= getvariable('as_of')::VARCHAR
                ELSE len(list_filter(string_split(objections, ';'), lambda o: o[1:10] <= getvariable('as_of')::VARCHAR
                    AND (o[12:] = '' OR o[12:] > getvariable('as_of')::VARCHAR))) = 0 END)
    ) f
    JOIN classes c ON c.class = f.class AND c.age = f.age AND c.in_force = f.in_force
),
read AS (
    SELECT
        subject,
        sum(events)::BIGINT AS events,
        sum(deeds)::BIGINT AS deeds,
        sum(checks)::BIGINT AS checks,
        bit_or(CASE WHEN on_time THEN 1::BIGINT << (28 + CAST(reference AS INTEGER) % 34) ELSE bits END) AS bits,
        sum(number) FILTER (money = 1) AS fines,
        sum(number) FILTER (money = 2) AS performed,
        sum(number) FILTER (money = 3) AS breached,
        sum(number) FILTER (money = 4) AS arrears,
        max(last) FILTER (latest = 1) % 64 AS tax_grade,
        max(last) FILTER (latest = 2) % 64 AS environment_grade,
        max(last) FILTER (latest = 3) % 64 AS tax_data,
        max(last) FILTER (latest = 4) % 4194304 AS dynamic_risk,
        max(last) FILTER (latest = 5) % 4194304 AS static_risk,
        max(last) FILTER (latest = 6) % 4194304 AS registration,
        -- Penalties in quarters of a point. The first counts once, the second one and a half times, the others twice.
        sum(penalty) FILTER (penalty > 0) AS penalties,
        min(place * 256 + penalty, 2) FILTER (penalty > 0) AS first_penalties
    FROM (
        SELECT
            *,
            -- The place of a fact and, in 22 bits, what it says. A score is one more than it is, 0 when it is absent. A
            -- registration: not active; industry unknown, another, or C13 to C15; days since 1800, 0 when unknown.
            place * 4194304 + CASE
                WHEN latest = 6 THEN says * 2097152
                    + CASE WHEN industry IS NULL THEN 0 WHEN industry[1:3] IN ('C13', 'C14', 'C15') THEN 1048576 ELSE 524288 END
                    + CASE WHEN established_on IS NULL THEN 0 ELSE established_on - DATE '1800-01-01' END
                WHEN latest >= 4 THEN CASE WHEN number IS NULL THEN 0 ELSE greatest(0, least(number, 400000)) + 1 END
                ELSE says END AS last
        FROM counting
    )
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
        coalesce(fines, 0)::BIGINT AS fines,
        coalesce(performed, 0)::BIGINT AS performed,
        (coalesce(performed, 0) + coalesce(breached, 0))::BIGINT AS contracted,
        coalesce(arrears, 0)::BIGINT AS arrears,
        tax_grade, environment_grade, tax_data, dynamic_risk, static_risk,
        coalesce(registration >> 21, 0) = 1 AS not_active,
        coalesce((registration >> 19) & 3, 0) = 1 AS other_industry,
        CASE WHEN registration & 524287 > 0 THEN DATE '1800-01-01' + (registration & 524287)::INTEGER END AS established_on,
        -- Eighths of a point.
        coalesce(4 * penalties - 2 * (first_penalties[1] % 256) - coalesce(first_penalties[2] % 256, 0), 0)::BIGINT AS penalty_eighths
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
        -- The share is rounded to a ten-thousandth: from 59.995 % it is 60 %.
        + CASE WHEN contracted = 0 THEN 350000 WHEN performed * 20000 < contracted * 11999 THEN 0
            WHEN performed * 20000 < contracted * 15999 THEN 200000 WHEN performed * 20000 < contracted * 18999 THEN 350000
            ELSE 500000 END
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
    public_score::DECIMAL(16, 0) * 0.01 AS public_score,
    CASE public_grade WHEN 1 THEN 'A' WHEN 2 THEN 'B' WHEN 3 THEN 'C' WHEN 4 THEN 'D' END AS public_grade,
    CASE WHEN food_excluded THEN 'not-eligible' WHEN food_score IS NULL THEN 'cannot-score' ELSE 'graded' END AS food_outcome,
    food_score::DECIMAL(16, 0) * 0.01 AS food_score,
    CASE food_grade WHEN 1 THEN 'A' WHEN 2 THEN 'B' WHEN 3 THEN 'C' WHEN 4 THEN 'D' END AS food_grade,
    coalesce(food_grade, 3)::UTINYINT AS tier
FROM food_grades
