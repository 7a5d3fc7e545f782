WITH adult AS (
    SELECT e.person FROM screening.evidence e
    WHERE e.covered_by = %(run)s AND e.live AND e.standing = 'identified'
    GROUP BY e.person
), piece AS (
    SELECT e.person, e.code_scheme, e.code, e.occurred_on, e.registered_at, e.covered_by = %(run)s AS fresh
    FROM adult JOIN screening.evidence e USING (person)
    JOIN unnest(%(schemes)s::text[], %(codes)s::text[], %(roles)s::text[], %(outcomes)s::text[], %(presences)s::boolean[])
        AS c (code_scheme, code, role, outcome, child_present) USING (code_scheme, code, role, outcome, child_present)
    WHERE e.live AND e.standing = 'identified' AND e.registered_at >= %(since)s AND e.registered_at < %(end)s
), fired AS (
    SELECT p.person FROM piece p
    JOIN unnest(%(rules)s::text[], %(pieces)s::int[], %(dates)s::int[], %(sinces)s::timestamptz[], %(rule_schemes)s::text[],
        %(rule_codes)s::text[]) AS m (rule, pieces, dates, since, code_scheme, code) USING (code_scheme, code)
    WHERE p.registered_at >= m.since
    GROUP BY p.person, m.rule, m.pieces, m.dates
    HAVING count(*) >= m.pieces AND count(DISTINCT p.occurred_on) >= m.dates AND bool_or(p.fresh)
        AND NOT bool_and(p.registered_at < %(begin)s)
), own AS (
    SELECT DISTINCT f.person, i.number AS cpr FROM fired f JOIN identity.identity i ON i.pseudonym = f.person
), home AS (
    SELECT own.person, a.home FROM own JOIN identity.person me ON me.cpr = own.cpr AND me.current_cpr IS NULL
    JOIN identity.address a ON a.cpr = own.cpr AND a.complete AND a.since <= %(day)s AND %(day)s < a.until
    WHERE me.birth_date <= %(born_by)s AND NOT EXISTS (
        SELECT FROM identity.institution n WHERE n.home IN (a.home, regexp_replace(a.home, '[^/]*/[^/]*$', '/')))
    AND (SELECT count(*) FROM identity.address o JOIN identity.person p ON p.cpr = o.cpr AND p.current_cpr IS NULL
        WHERE o.home = a.home AND o.since <= %(day)s AND %(day)s < o.until AND p.status = '01'
        AND p.birth_date <= %(born_by)s) <= 8
), tie AS (
    SELECT own.person, p.cpr FROM own JOIN identity.parent p ON p.parent = own.cpr
    UNION SELECT own.person, c.cpr FROM own JOIN identity.custody c ON c.holder = own.cpr
        AND c.since <= %(day)s AND %(day)s < c.until
    UNION SELECT home.person, a.cpr FROM home JOIN identity.address a USING (home)
        WHERE a.complete AND a.since <= %(day)s AND %(day)s < a.until
)
SELECT tie.person, i.pseudonym FROM tie
JOIN identity.person child ON child.cpr = tie.cpr AND child.current_cpr IS NULL AND child.status IN ('01', '03')
    AND child.birth_date > %(born_by)s
JOIN identity.identity i ON i.kind = 'CPR' AND i.number = tie.cpr
WHERE i.pseudonym <> tie.person
