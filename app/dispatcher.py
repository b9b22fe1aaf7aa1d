"""Calls handlers of domain events in the process that wrote, once the events' transaction is committed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import structlog

from app import errors
from app.domain.events import Event

Handler = Callable[[Any], None]


class Dispatcher:
    """Handlers by the type of event, called in the order in which they were registered."""

    def __init__(self) -> None:
        self._handlers: dict[type[Event], list[Handler]] = {}

    def register(self, event: type[Event], handler: Handler) -> None:
        """Have the handler called for each event of this type. Raises `errors.UsageError` where it is already."""
        if self.has(event, handler):
            raise errors.UsageError(f"{_named(handler)} handles {event.__name__} already")
        self._handlers.setdefault(event, []).append(handler)

    def remove(self, event: type[Event], handler: Handler) -> None:
        """No longer call it. Raises `errors.UsageError` where it was not registered."""
        if not self.has(event, handler):
            raise errors.UsageError(f"{_named(handler)} does not handle {event.__name__}")
        self._handlers[event].remove(handler)

    def has(self, event: type[Event], handler: Handler) -> bool:
        """Whether the handler is called for events of this type."""
        return handler in self._handlers.get(event, ())

    def dispatch(self, events: Iterable[Event]) -> None:
        """Call the handlers of each event, in order.

        What happened has happened: a handler that fails is logged, and keeps neither the others nor the writer back.
        """
        for event in events:
            for handler in tuple(self._handlers.get(type(event), ())):
                _call(handler, event)


def _call(handler: Handler, event: Event) -> None:
    try:
        handler(event)
    except Exception:  # noqa: BLE001 -- whatever it is, the event is committed
        structlog.get_logger().exception(
            "a handler failed, the event stands",
            action="handler_failed", handler=_named(handler), event_name=event.name, key=str(event.key),
        )  # fmt: skip


def _named(handler: Handler) -> str:
    return getattr(handler, "__qualname__", repr(handler))
