"""From what PostgreSQL refuses to the error it means: a broken constraint is the domain error of the same rule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors as pg
from sqlalchemy import exc

from app import errors
from app.domain import errors as domain

RULES: dict[str, type[domain.DomainError]] = {
    "products_pkey": domain.ProductExists,
    "products_sku_key": domain.SkuTaken,
    "products_sku_not_empty": domain.InvalidText,
    "products_name_not_empty": domain.InvalidText,
    "products_unit_price_positive": domain.InvalidPrice,
    "products_currency_form": domain.InvalidCurrency,
    "products_status_known": domain.InvalidProductState,
    "products_version_positive": domain.InvalidVersion,
    "customers_pkey": domain.CustomerExists,
    "customers_reference_key": domain.ReferenceTaken,
    "customers_reference_not_empty": domain.InvalidText,
    "customers_name_not_empty": domain.InvalidText,
    "customers_country_not_empty": domain.InvalidText,
    "customers_version_positive": domain.InvalidVersion,
    "orders_pkey": domain.OrderExists,
    "orders_number_key": domain.OrderNumberTaken,
    "orders_number_not_empty": domain.InvalidText,
    "orders_customer_id_fkey": domain.CustomerNotFound,
    "orders_status_known": domain.InvalidOrderState,
    "orders_currency_form": domain.InvalidCurrency,
    "orders_paid_within_total": domain.Overpayment,
    "orders_status_matches_paid": domain.InvalidOrderState,
    "orders_status_matches_times": domain.InvalidOrderState,
    "orders_version_positive": domain.InvalidVersion,
    "order_items_pkey": domain.ItemExists,
    "order_items_order_id_fkey": domain.OrderNotFound,
    "order_items_product_id_fkey": domain.ProductNotFound,
    "order_items_line_no_positive": domain.InvalidLineNumber,
    "order_items_quantity_positive": domain.InvalidQuantity,
    "order_items_unit_price_positive": domain.InvalidPrice,
    "order_items_line_total_exact": domain.WrongLineTotal,
    "order_items_returned_within_sold": domain.ReturnExceedsSold,
    "order_returns_pkey": domain.ReturnExists,
    "order_returns_line_fkey": domain.ItemNotFound,
    "order_returns_quantity_positive": domain.InvalidQuantity,
    "order_returns_amount_positive": domain.InvalidAmount,
    "payments_pkey": domain.PaymentExists,
    "payments_order_id_fkey": domain.OrderNotFound,
    "payments_kind_known": domain.UnknownPaymentKind,
    "payments_amount_positive": domain.InvalidPayment,
    "payments_currency_form": domain.InvalidCurrency,
    "payments_method_not_empty": domain.InvalidText,
    "financings_pkey": domain.FinancingExists,
    "financings_order_id_fkey": domain.OrderNotFound,
    "financings_principal_positive": domain.InvalidPrincipal,
    "financings_currency_form": domain.InvalidCurrency,
    "financings_monthly_rate_fraction": domain.InvalidRate,
    "financings_instalments_range": domain.InvalidInstalments,
    "financings_system_known": domain.UnknownSystem,
    "instalments_pkey": domain.WrongInstalment,
    "instalments_financing_id_fkey": domain.FinancingNotFound,
    "instalments_number_positive": domain.WrongInstalment,
    "instalments_parts_not_negative": domain.WrongInstalment,
    "instalments_payment_exact": domain.WrongInstalment,
}

# The first that fits counts: the later ones are wider. Error class, beginning of the message, next step.
_MEANINGS: dict[tuple[type[psycopg.Error], ...], tuple[type[errors.NeaptideError], str, str]] = {
    (pg.SerializationFailure, pg.DeadlockDetected): (
        errors.ConcurrencyConflict,
        "another transaction was in the way: ",
        "run it again",
    ),
    (pg.LockNotAvailable, pg.QueryCanceled): (
        errors.SourceTimeout,
        "PostgreSQL gave up waiting: ",
        "run it again when less is going on, or raise the timeout",
    ),
    (pg.InsufficientPrivilege, pg.InvalidAuthorizationSpecification): (
        errors.AccessDenied,
        "",
        "check the role's grants on the database and the schema shop",
    ),
    (pg.UndefinedTable, pg.UndefinedColumn, pg.InvalidSchemaName): (
        errors.MissingTable,
        "",
        "create the shop's tables: neaptide db migrate",
    ),
    (pg.DiskFull,): (errors.SourceUnavailable, "PostgreSQL has no room left: ", "free space on its disk"),
    (pg.ReadOnlySqlTransaction,): (
        errors.SourceUnavailable,
        "PostgreSQL takes no writes: ",
        "name the primary in [source] url, not a standby",
    ),
    (psycopg.OperationalError, psycopg.InterfaceError): (
        errors.SourceUnavailable,
        "the connection to PostgreSQL was lost: ",
        "run it again",
    ),
}


@contextmanager
def translated() -> Iterator[None]:
    """Raise what the database refused within as an error of the domain or of `app.errors`, the cause chained."""
    try:
        yield
    except exc.DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise meaning(error.orig) from error
        raise
    except psycopg.Error as error:
        raise meaning(error) from error


def meaning(error: psycopg.Error) -> Exception:
    """The error that a driver's error means."""
    return _rule(error) or _circumstance(error)


def _rule(error: psycopg.Error) -> domain.DomainError | None:
    broken = RULES.get(error.diag.constraint_name or "")
    if broken is not None:
        return broken(_what(broken, error), constraint=error.diag.constraint_name)
    if isinstance(error, pg.NotNullViolation):
        return domain.MissingValue(f"{error.diag.table_name}.{error.diag.column_name} is missing")
    if isinstance(error, pg.NumericValueOutOfRange):
        return domain.AmountTooLarge()
    return None


def _what(broken: type[domain.DomainError], error: psycopg.Error) -> str:
    """The rule in words, and for a key the value; never the whole row, which may hold what is nobody's business."""
    rule = broken().message
    is_about_key = isinstance(error, pg.UniqueViolation | pg.ForeignKeyViolation)
    return f"{rule.removesuffix('.')}: {error.diag.message_detail}" if is_about_key else rule


def _circumstance(error: psycopg.Error) -> errors.NeaptideError:
    text = error.diag.message_primary or str(error).strip().splitlines()[0]
    for kinds, (means, prefix, hint) in _MEANINGS.items():
        if isinstance(error, kinds):
            return means(prefix + text, hint=hint)
    return errors.Bug(f"PostgreSQL refused a statement: {text}")
