"""Which column of a file is the user, the item and so on."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

from recstream.errors import DataError

# Best first; compared without case, blanks, dashes and underscores.
_USUAL_NAMES: Final[Mapping[str, str]] = {
    "user": "user userid uid customer customerid visitor visitorid member memberid client clientid account accountid "
    "household householdid reviewer reviewerid session sessionid",
    "item": "item itemid iid product productid sku movie movieid article articleid asin book bookid isbn track trackid "
    "song songid artist artistid content contentid",
    "rating": "rating stars score value overall",
    "timestamp": "timestamp time ts datetime date eventtime createdat unixtime unixreviewtime",
    "weight": "weight count plays playcount quantity",
    "type": "type eventtype event action behavior behaviour behaviortype",
}


@dataclass(frozen=True)
class ColumnMapping:
    """Names in the file of the columns that matter; None is found by its usual names, or absent.

    Attributes
    ----------
    user, item : str, optional
        Any ids.
    rating : str, optional
        How much the user liked the item.
    timestamp : str, optional
        A number, or a date and time.
    weight : str, optional
        What the row counts for, above zero.
    type : str, optional
        Kind of event; each kind weighs as the cleaning rules say.
    """

    user: str | None = None
    item: str | None = None
    rating: str | None = None
    timestamp: str | None = None
    weight: str | None = None
    type: str | None = None

    @classmethod
    def parse(cls, text: str) -> "ColumnMapping":
        """Read ``user=uid,item=sku,timestamp=ts``.

        Raises
        ------
        DataError
            Another form, or a role that does not exist.
        """
        roles = [field.name for field in fields(cls)]
        named: dict[str, str] = {}
        for part in text.split(","):
            role, equals, column = (piece.strip() for piece in part.partition("="))
            if not equals or not column or role not in roles or role in named:
                expected = f"ROLE=COLUMN with each of {', '.join(roles)} at most once"
                raise DataError(f"columns: {part.strip()!r} is not {expected}")
            named[role] = column
        return cls(**named)

    def resolve(self, found: Sequence[str], source: str) -> dict[str, str]:
        """The column of the file for each role that it has.

        Parameters
        ----------
        found : sequence of str
            Columns of the file.
        source : str
            Name of the file, for the error.

        Raises
        ------
        DataError
            A named column is not there, user or item cannot be found, or one column has two roles; lists the columns.
        """
        roles = {field.name: _pick(field.name, getattr(self, field.name), found, source) for field in fields(self)}
        columns = {role: column for role, column in roles.items() if column is not None}
        missing = [role for role in ("user", "item") if role not in columns]
        if missing:
            raise DataError(f"{source}: no column looks like the {' or the '.join(missing)}; {_what_is_there(found)}")
        twice = sorted({column for column in columns.values() if list(columns.values()).count(column) > 1})
        if twice:
            raise DataError(f"{source}: column {twice[0]!r} is given two roles; {_what_is_there(found)}")
        return columns


def find_column(found: Iterable[str], role: str) -> str | None:
    """The column with one of the usual names of a role."""
    by_name = {_plain(column): column for column in reversed(list(found))}
    return next((by_name[name] for name in _USUAL_NAMES[role].split() if name in by_name), None)


def _pick(role: str, wanted: str | None, found: Sequence[str], source: str) -> str | None:
    if wanted is None:
        return find_column(found, role)
    if wanted not in found:
        near = difflib.get_close_matches(wanted, found, n=1)
        hint = f" (is it {near[0]!r}?)" if near else ""
        raise DataError(f"{source}: there is no column {wanted!r} for the {role}{hint}; {_what_is_there(found)}")
    return wanted


def _what_is_there(found: Sequence[str]) -> str:
    listed = ", ".join(found[:30]) + (", ..." if len(found) > 30 else "")
    remedy = "name them with --columns user=COLUMN,item=COLUMN"
    if all(re.fullmatch(r"[\d.\s]*", column) for column in found):
        remedy = "the first line looks like data: put a line of column names above it"
    return f"the columns are: {listed}; {remedy}"


def _plain(column: str) -> str:
    """``user_id:token`` (as RecBole writes it) and ``User ID`` are both ``userid``."""
    return re.sub(r"[\s_-]", "", column.partition(":")[0]).lower()
