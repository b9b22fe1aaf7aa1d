"""What the commands on the shop share: writing through a handler, reading from the reporting file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import click

from app import errors
from app.face import show
from app.face.base import Command as Base
from app.face.base import Duration, Face, pass_face

if TYPE_CHECKING:
    from app.commands.command import Command
    from app.domain.money import Money
    from app.queries.pages import Page
    from app.reporting.store import Store

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
ID = click.UUID
_NAMES = {"product": "SKU", "customer": "reference", "order": "number"}
_INNER = ("as_of", "version")
_NOUNS = {"product_by_sku": "product", "customer_by_reference": "customer", "order_by_number": "order"}


class Named(click.ParamType[str]):
    """A thing of the shop by its id, or by the name people use; `resolved` finds the id when the command runs."""

    def __init__(self, noun: str) -> None:
        self.name = f"{noun} id or {_NAMES[noun]}"
        self.noun = noun


PRODUCT, CUSTOMER, ORDER = Named("product"), Named("customer"), Named("order")


def resolved(face: Face, kind: Named, text: str) -> UUID:
    """The id that `text` is or stands for, asked of the source itself: a command must not go by an older file."""
    from app import bootstrap

    try:
        return UUID(text)
    except ValueError:
        return bootstrap.identify(face.settings, kind.noun, text)


class Amount(click.ParamType[Decimal]):
    """An exact decimal amount: digits, never a float."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            number = Decimal(str(value))
        except ArithmeticError:
            self.fail(f"{value!r} is not an amount: write it like 12.50", param, ctx)
        if not number.is_finite():
            self.fail(f"{value!r} is not an amount: write it like 12.50", param, ctx)
        return number


class Writing(Base):
    """A command on the shop that writes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(
                ["--dual"], is_flag=True, expose_value=False, callback=_keep_dual,
                help="Write the reporting file, too, before this returns: both or neither.",
            )
        )  # fmt: skip


def _keep_dual(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    ctx.ensure_object(Face).dual = value


def currency_option(function: F) -> F:
    """`--currency` of an amount."""
    return click.option(
        "--currency", default="EUR", show_default=True, metavar="CODE", help="Three upper-case letters."
    )(function)


def reading_options(function: F) -> F:
    """`--json` and `--max-staleness`, on everything that reads."""
    stale = click.option(
        "--max-staleness", type=Duration(), metavar="D", help="Sync first if the file is older, like 10s; 0s for now."
    )
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(stale(function))


def page_options(function: F) -> F:
    """`--page` and `--size`."""
    size = click.option("--size", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Rows per page.")
    return click.option("--page", type=click.IntRange(min=1), default=1, show_default=True)(size(function))


def listing(*columns: str) -> Callable[[Callable[..., Page[Any]]], Callable[..., None]]:
    """Makes a command's body of a question to the store: it shows the page that is found, of each item these columns.

    The question gets the command's own options, `page` and `size`.
    """

    def body(question: Callable[..., Page[Any]]) -> Callable[..., None]:
        @page_options
        @reading_options
        @pass_face
        def shown(face: Face, /, *, as_json: bool, max_staleness: timedelta | None, **asked: Any) -> None:
            page = read(face, max_staleness, lambda store: question(store, **asked))
            show_page(face, page, columns, as_json)

        shown.__doc__ = question.__doc__
        return shown

    return body


def now() -> datetime:
    """The moment a command is given."""
    return datetime.now(UTC)


def fresh_id() -> UUID:
    """An identifier for what a command is about to make."""
    from app.domain import ids

    return ids.new_id()


def money(amount: Decimal, currency: str) -> Money:
    """Money as typed; more decimals than the currency has are refused rather than rounded away."""
    from app.domain.money import Money

    rounded = Money.of(amount, currency)
    if rounded.amount != amount:
        raise errors.UsageError(
            f"{amount} {currency} has more decimals than {currency}", hint=f"write {rounded.amount}"
        )
    return rounded


def send(face: Face, command: Command, new_id: UUID) -> None:
    """Run the command in one transaction and print the caller's own id; the write side has no answer."""
    from app import bootstrap
    from app.commands import bus

    with bootstrap.write_side(face.settings, dual=face.dual, tell=face.say) as units:
        bus.handle(command, units)
    click.echo(str(new_id))


def read(face: Face, max_staleness: timedelta | None, question: Callable[[Store], T]) -> T:
    """Ask the reporting file."""
    with face.store(max_staleness=max_staleness) as store:
        return question(store)


def find(store: Store, text: str, block: str, find_by_id: Callable[[Store, UUID], T | None]) -> T:
    """What `text` names: an id, or the name people use. Raises `errors.UsageError` where there is nothing."""
    record = find_by_id(store, identify(store, text, block))
    if record is None:
        raise unknown(_NOUNS[block], text, store)
    return record


def identify(store: Store, text: str, block: str) -> UUID:
    """The id that `text` is or stands for."""
    from app import statements

    try:
        return UUID(text)
    except ValueError:
        rows = store.query(statements.get("queries/lookup", block), [text]).rows
    if not rows:
        raise unknown(_NOUNS[block], text, store)
    return UUID(str(rows[0][0]))


def show_one(face: Face, thing: Any, as_json: bool, as_of: datetime) -> None:
    """One thing, and how old the knowledge of it is."""
    from app.face import tables

    if as_json:
        click.echo(tables.json_of(thing), nl=False)
    else:
        show.record({name: value for name, value in asdict(thing).items() if name not in _INNER})
    show.freshness(face, as_of)


def show_page(face: Face, page: Page[Any], columns: Sequence[str], as_json: bool) -> None:
    """One page of a list."""
    from app.face import tables

    if as_json:
        click.echo(tables.json_of(page), nl=False)
    else:
        show_rows(columns, page.items)
        face.say(f"page {page.number} of {page.last}, {page.total:,} in all")
    show.freshness(face, page.as_of)


def show_rows(columns: Sequence[str], items: Iterable[Any]) -> None:
    """The named attributes of each item."""
    show.table(columns, [[getattr(one, name) for name in columns] for one in items])


def unknown(noun: str, text: str, store: Store) -> errors.NeaptideError:
    """What to raise where the reporting file does not know it."""
    return errors.NeaptideError(
        f"there is no {noun} {text!r} in the reporting file as of {show.moment(store.as_of)}",
        hint="a newer one shows up with --max-staleness 0s",
    )
