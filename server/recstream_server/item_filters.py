"""From checked filters to bitmaps over a model's items."""

from collections.abc import Iterator
from difflib import get_close_matches

from recstream._core import AttributeTable, CompiledFilter
from recstream.errors import FieldViolation, InvalidArgumentError
from recstream_server.queries import FilterCondition, ItemFilter

_SHOWN_ATTRIBUTES = 32

_VALUES_OF_KIND = {"text": "strings", "list of text": "strings", "number": "numbers", "boolean": "bools"}


class ItemFilters:
    """Compiles filters, or says what in them does not fit the model. Safe to use from many threads.

    Parameters
    ----------
    table : AttributeTable

    Attributes
    ----------
    table : AttributeTable
    """

    def __init__(self, table: AttributeTable) -> None:
        self.table = table
        self._kinds = table.kinds

    def compile(self, item_filter: ItemFilter | None) -> CompiledFilter | None:
        """The items that pass; None for all.

        Raises
        ------
        InvalidArgumentError
            Names each attribute that the model lacks, and each test that does not suit its attribute's kind.
        """
        if item_filter is None:
            return None
        violations = list(self._violations(item_filter))
        if violations:
            raise InvalidArgumentError(violations)
        return self.table.compile(all_of=item_filter.all_of, any_of=item_filter.any_of, none_of=item_filter.none_of)

    def stats(self) -> dict[str, int]:
        """As `AttributeTable.stats`."""
        return self.table.stats()

    def _violations(self, item_filter: ItemFilter) -> Iterator[FieldViolation]:
        for part in ("all_of", "any_of", "none_of"):
            for position, condition in enumerate(getattr(item_filter, part)):
                path = f"{item_filter.path}{part}[{position}]"
                if condition[0] not in self._kinds:
                    yield FieldViolation(f"{path}.attribute", self._unknown(condition[0]))
                elif problem := _mismatch(condition, self._kinds[condition[0]]):
                    yield FieldViolation(f"{path}.{condition[1]}", problem)

    def _unknown(self, name: str) -> str:
        if not self._kinds:
            return f"is {name!a}; the items of this model have no attributes, so leave the filter out"
        close = get_close_matches(name, self._kinds, n=1)
        hint = f"; did you mean {close[0]!a}?" if close else ";"
        shown = ", ".join(sorted(self._kinds)[:_SHOWN_ATTRIBUTES])
        left = len(self._kinds) - _SHOWN_ATTRIBUTES
        return f"is {name!a}, which the items of this model do not have{hint} they have {shown}" + (
            f" and {left} more" if left > 0 else ""
        )


def _mismatch(condition: FilterCondition, kind: str) -> str | None:
    """What is wrong with a test of an attribute of this kind."""
    name, test, wanted = condition
    if test == "range" and kind != "number":
        return f"is for numbers, and {name!a} is {kind}; use equals_any.{_VALUES_OF_KIND[kind]} or exists"
    if test == "equals_any" and isinstance(wanted, list):
        given = {str: "strings", bool: "bools"}.get(type(wanted[0]), "numbers")
        if given != _VALUES_OF_KIND[kind]:
            return f"has {given}, and {name!a} is {kind}; give {_VALUES_OF_KIND[kind]}"
    return None
