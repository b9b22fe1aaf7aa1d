-- name: nonce
-- Draw 128 bytes that only this session and its client know: what is answered is in no log, and not shown to others.
SELECT set_config('neaptide.nonce', string_agg(d.digits, ''), true) AS nonce
FROM (
    SELECT encode(sha256(convert_to(concat(n.n, gen_random_uuid(), gen_random_uuid()), 'UTF8')), 'hex') AS digits
    FROM generate_series(1, 4) AS n (n)
) AS d;

-- name: pads
-- Give the transaction the two pads of the key, which the statement shows only together with the nonce, by XOR.
WITH clear AS (
    SELECT
        string_agg(
            lpad(
                to_hex(
                    ('x' || substr(%(hidden)s, n.n, 16))::bit(64)::bigint
                    # ('x' || substr(current_setting('neaptide.nonce'), n.n, 16))::bit(64)::bigint
                ), 16, '0'
            ), '' ORDER BY n.n
        ) AS digits
    FROM generate_series(1, 241, 16) AS n (n)
)

SELECT
    set_config('neaptide.mask_inner', left(c.digits, 128), true) AS inner_pad,
    set_config('neaptide.mask_outer', right(c.digits, 128), true) AS outer_pad,
    set_config('neaptide.nonce', '', true) AS nonce
FROM clear AS c;
