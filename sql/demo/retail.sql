-- name: columns
-- What the file has.
SELECT column_name FROM (DESCRIBE SELECT * FROM read_parquet($path))

-- name: count
-- How many rows will be read.
SELECT COUNT(*) FROM read_parquet($path, file_row_number = TRUE) WHERE file_row_number < $limit

-- name: returned
-- What is ever returned: only these sales have to be remembered.
SELECT DISTINCT CAST(customer_id AS VARCHAR), trim(stock_code), unit_price
FROM read_parquet($path, file_row_number = TRUE)
WHERE file_row_number < $limit AND starts_with(invoice_no, 'C') AND customer_id IS NOT NULL

-- name: lines
-- Invoice by invoice, oldest first. One invoice stands in two places of the file, so its first row leads them all.
WITH numbered AS (
    SELECT
        COALESCE(invoice_no, 'row ' || file_row_number) AS invoice,
        invoice_date,
        CAST(customer_id AS VARCHAR) AS customer,
        COALESCE(country, 'Unspecified') AS country,
        file_row_number + 1 AS line_no,
        trim(stock_code) AS sku,
        trim(description) AS description,
        quantity,
        unit_price,
        MIN(file_row_number) OVER (PARTITION BY invoice) AS first_row
    FROM read_parquet($path, file_row_number = TRUE)
    WHERE file_row_number < $limit
)
SELECT invoice, invoice_date, customer, country, line_no, sku, description, quantity, unit_price
FROM numbered
ORDER BY MIN(invoice_date) OVER (PARTITION BY invoice), first_row, line_no
