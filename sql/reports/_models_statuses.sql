-- The same of a read model, for all days.
WITH standing AS (
    SELECT currency, status, orders, CAST(total AS DECIMAL(38, 2)) AS total, CAST(paid AS DECIMAL(38, 2)) AS paid
    FROM models.orders_by_status
)
