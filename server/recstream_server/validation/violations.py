"""Collects what is wrong with a request, and the checks of single fields."""

from collections.abc import Sequence

from recstream.errors import FieldViolation, InvalidArgumentError


class Violations:
    """Everything wrong with one request.

    Parameters
    ----------
    id_bytes : int
        Longest id, in bytes of UTF-8.
    prefix : str
        Path of the checked message in the request, with a dot at the end; empty for the request itself.
    """

    __slots__ = ("_found", "_id_bytes", "_prefix")

    def __init__(self, id_bytes: int, prefix: str = "") -> None:
        self._id_bytes = id_bytes
        self._prefix = prefix
        self._found: list[FieldViolation] = []

    @property
    def prefix(self) -> str:
        """Path of the checked message in the request, with a dot at the end; empty for the request itself."""
        return self._prefix

    def below(self, field: str) -> "Violations":
        """Violations of the message in a field; they count as this message's."""
        inner = Violations(self._id_bytes, f"{self._prefix}{field}.")
        inner._found = self._found
        return inner

    def add(self, field: str, description: str) -> None:
        """Note a field at fault."""
        self._found.append(FieldViolation(self._prefix + field, description))

    def raise_if_any(self) -> None:
        """Raise an `InvalidArgumentError` that names all that was noted."""
        if self._found:
            raise InvalidArgumentError(self._found)

    def text_id(self, field: str, value: str, *, required: bool = False) -> None:
        """Check an id."""
        if not value:
            if required:
                self.add(field, f"is empty; give 1 to {self._id_bytes} bytes of UTF-8")
        elif len(value) * 4 > self._id_bytes and (size := len(value.encode())) > self._id_bytes:
            self.add(field, f"has {size} bytes of UTF-8; at most {self._id_bytes} are allowed")

    def text_ids(self, field: str, values: Sequence[str], limit: int) -> None:
        """Check a list of ids, none of them empty; too long a list is not looked into."""
        if len(values) > limit:
            self.add(field, f"has {len(values):,} ids; at most {limit:,} are allowed")
        elif values and (not all(values) or max(map(len, values)) * 4 > self._id_bytes):
            for position, value in enumerate(values):
                self.text_id(f"{field}[{position}]", value, required=True)

    def batch(self, field: str, count: int, limit: int) -> None:
        """Check how many entries a batch has."""
        if count == 0:
            self.add(field, f"is empty; give 1 to {limit:,}")
        elif count > limit:
            self.add(field, f"has {count:,} entries; at most {limit:,} are allowed, so send several batches")

    def page_size(self, value: int, *, default: int, limit: int) -> int:
        """The size to use: 0 means the default, too large is cut."""
        if value < 0:
            self.add("page_size", f"is {value}; give 1 to {limit}, or 0 for {min(default, limit)}")
        return min(value or default, limit)

    def state_version(self, value: int) -> None:
        """Check `min_state_version`."""
        if value < 0:
            self.add("min_state_version", f"is {value}; give a state_version of an acknowledgement, or 0 for any")
