"""Customer: who places orders, and where they live."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Self
from uuid import UUID

from app.domain import events, ids, texts
from app.domain.events import Event


@dataclass(frozen=True, slots=True)
class Address:
    """Where a customer lives. Only the country is always known; reports group by it."""

    country: str
    street: str | None = None
    city: str | None = None
    postal_code: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "country", texts.required(self.country, "a country", longest=texts.MAX_KEY))
        for part in ("street", "city", "postal_code"):
            object.__setattr__(self, part, texts.optional(getattr(self, part), part.replace("_", " ")))


@dataclass(slots=True)
class Customer:
    """A customer; `reference` is the number other systems know them by."""

    id: UUID
    reference: str
    name: str
    address: Address
    version: int = 1
    events: list[Event] = field(default_factory=list, compare=False, repr=False)

    @classmethod
    def register(
        cls, customer_id: UUID, *, reference: str, name: str, address: Address, at: datetime | None = None
    ) -> Self:
        """A new customer. Raises `errors.InvalidText`."""
        ids.require_id(customer_id, "a customer's id")
        customer = cls(
            id=customer_id,
            reference=texts.required(reference, "a customer's reference", longest=texts.MAX_KEY),
            name=texts.required(name, "a customer's name"),
            address=address,
        )
        event = events.CustomerRegistered(key=customer_id, at=at, reference=customer.reference, country=address.country)
        customer.events.append(event)
        return customer

    def change_address(self, address: Address, *, at: datetime | None = None) -> None:
        """Replace the whole address."""
        self.address = address
        self.events.append(events.CustomerAddressChanged(key=self.id, at=at, country=address.country))
