"""Named records: one registry per kind (activation, loss, optimizer, initializer, penalty, metric).

Every list of names (arguments, command-line choices, tables in the docs, property tests) is read from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

from deltarule.errors import InputError, did_you_mean, message


class Named(Protocol):
    """Anything with a name."""

    @property
    def name(self) -> str: ...


Record = TypeVar("Record", bound=Named)


class Registry(Mapping[str, Record], Generic[Record]):
    """Records of one kind by name; aliases resolve but are not listed.

    Arguments:
        kind: what a record is, as the argument is called that takes its name.
        protocol: the class of the records, or a protocol that they follow.

    >>> from deltarule.core.activations import ACTIVATIONS
    >>> ACTIVATIONS["logistic"].name
    'sigmoid'
    """

    def __init__(self, kind: str, protocol: Any) -> None:
        self.kind = kind
        self.protocol = protocol
        self._records: dict[str, Record] = {}
        self._aliases: dict[str, str] = {}

    def register(self, record: Record, *aliases: str) -> Record:
        """Add a record under its name; a name that is taken is refused.

        Raises:
            InputError: the name or an alias is already in use.
        """
        for name in (record.name, *aliases):
            if name in self._records or name in self._aliases:
                raise InputError(
                    message(
                        f"the {self.kind} name must be new", found=repr(name), hint="Choose another name."
                    )
                )
        self._records[record.name] = record
        self._aliases.update(dict.fromkeys(aliases, record.name))
        return record

    def find(self, name: object) -> Record:
        """Return the record of that name or alias.

        Raises:
            InputError: there is none; the message lists the names and the closest one.
        """
        if isinstance(name, str) and name in self:
            return self[name]
        hint = did_you_mean(name, (*self._records, *self._aliases)) if isinstance(name, str) else ""
        raise InputError(
            message(f"`{self.kind}` must be one of {', '.join(self._records)}", found=repr(name), hint=hint)
        )

    def aliases(self, name: str) -> tuple[str, ...]:
        """Return the other names of a record."""
        return tuple(alias for alias, target in self._aliases.items() if target == name)

    def __getitem__(self, name: str) -> Record:
        return self._records[self._aliases.get(name, name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, name: object) -> bool:
        return name in self._records or name in self._aliases

    def __repr__(self) -> str:
        return f"<{self.kind} registry: {', '.join(self._records)}>"
