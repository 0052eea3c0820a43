"""AttributeTable: compiled filters against plain Python, what is refused, and the cache."""

import math
import threading
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recstream._core import AttributeColumn, AttributeTable, CompiledFilter

NAN = math.nan
Column = list[Any]


def dictionary(texts: set[str]) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    ordered = sorted(text.encode() for text in texts)
    offsets = np.cumsum([0, *map(len, ordered)], dtype=np.int64)
    return np.frombuffer(b"".join(ordered), np.uint8), offsets, {text.decode(): v for v, text in enumerate(ordered)}


def text_column(values: Sequence[str | None]) -> AttributeColumn:
    utf8, offsets, code = dictionary({value for value in values if value is not None})
    codes = [-1 if value is None else code[value] for value in values]
    return AttributeColumn.texts(utf8, offsets, np.array(codes, np.int32))


def list_column(values: Sequence[list[str] | None]) -> AttributeColumn:
    utf8, offsets, code = dictionary({text for value in values for text in value or ()})
    codes = [code[text] for value in values for text in value or ()]
    pointers = np.cumsum([0, *(len(value or ()) for value in values)], dtype=np.int64)
    has_list = np.array([value is not None for value in values], np.uint8)
    return AttributeColumn.text_lists(utf8, offsets, np.array(codes, np.int32), pointers, has_list)


def number_column(values: Sequence[float | None]) -> AttributeColumn:
    return AttributeColumn.numbers(np.array([NAN if value is None else value for value in values], np.float64))


def boolean_column(values: Sequence[bool | None]) -> AttributeColumn:
    return AttributeColumn.booleans(np.array([-1 if value is None else value for value in values], np.int8))


MAKERS = {"text": text_column, "list": list_column, "number": number_column, "flag": boolean_column}
TEXTS = ["", "a", "b", "ab", "Ab", "é", "日本", "a\0"]
NUMBERS = [-2.5, -0.0, 0.0, 1.0, 2.0, 2.0000000000000004, 1e300, -1e-320]
SCALARS: dict[str, list[Any]] = {"text": TEXTS, "list": TEXTS, "number": NUMBERS, "flag": [True, False]}


def random_table(random: Random, rows: int) -> dict[str, Column]:
    def value(name: str) -> Any:
        if random.random() < 0.2:
            return None
        return random.choices(TEXTS, k=random.randrange(5)) if name == "list" else random.choice(SCALARS[name])

    return {name: [value(name) for _ in range(rows)] for name in SCALARS}


def conditions() -> st.SearchStrategy[tuple[str, str, Any]]:
    equals = [
        st.tuples(st.just(name), st.just("equals_any"), st.lists(st.sampled_from(values), min_size=1, max_size=4))
        for name, values in SCALARS.items()
    ]
    ends = st.sampled_from([*NUMBERS, math.inf, -math.inf])
    ranges = st.tuples(st.just("number"), st.just("range"), st.tuples(ends, ends))
    exists = st.tuples(st.sampled_from(list(SCALARS)), st.just("exists"), st.booleans())
    return st.one_of(*equals, ranges, exists)


def holds(table: dict[str, Column], row: int, condition: tuple[str, str, Any]) -> bool:
    """The oracle, as the documentation has it."""
    attribute, kind, wanted = condition
    value = table[attribute][row]
    if kind == "exists":
        return (value is not None) == wanted
    if value is None:
        return False
    if kind == "range":
        return bool(wanted[0] <= value <= wanted[1])
    return any(one in wanted for one in (value if isinstance(value, list) else [value]))


def passing(table: dict[str, Column], rows: int, parts: dict[str, list[Any]]) -> list[int]:
    def passes(row: int) -> bool:
        met = {name: [holds(table, row, condition) for condition in part] for name, part in parts.items()}
        return all(met["all_of"]) and (any(met["any_of"]) or not met["any_of"]) and not any(met["none_of"])

    return [row for row in range(rows) if passes(row)]


def rows_of(compiled: CompiledFilter) -> list[int]:
    bits = np.unpackbits(compiled.words.view(np.uint8), bitorder="little")
    assert not bits[compiled.rows :].any()
    assert compiled.count == bits.sum()
    return np.flatnonzero(bits).tolist()


def make_table(table: dict[str, Column], cache_bytes: int = 1 << 20) -> AttributeTable:
    made = [(name, MAKERS[name](values)) for name, values in table.items()]
    return AttributeTable(made, rows=len(next(iter(table.values()))), cache_bytes=cache_bytes)


@settings(max_examples=80)
@given(st.data())
def test_filters_pass_what_the_oracle_passes(data: st.DataObject) -> None:
    rows = data.draw(st.sampled_from([0, 1, 2, 63, 64, 65, 130]))
    table = random_table(Random(data.draw(st.integers(0, 2**32))), rows)
    native = make_table(table, data.draw(st.sampled_from([0, 700, 1 << 20])))
    for _ in range(3):
        parts = {part: data.draw(st.lists(conditions(), max_size=3)) for part in ("all_of", "any_of", "none_of")}
        expected = passing(table, rows, parts)
        assert rows_of(native.compile(**parts)) == expected
        # The second time it may come from the cache.
        assert rows_of(native.compile(**{name: part[::-1] for name, part in parts.items()})) == expected


def small_table(**options: int) -> AttributeTable:
    return make_table(
        {
            "text": ["a", "b", None, ""],
            "list": [["x", "y"], [], None, ["y", "y"]],
            "number": [1.5, None, -3.0, 1.5],
            "flag": [True, False, None, True],
        },
        **options,
    )


def test_kinds_are_told() -> None:
    assert small_table().kinds == {"text": "text", "list": "list of text", "number": "number", "flag": "boolean"}


def test_an_empty_filter_passes_all_rows() -> None:
    compiled = small_table().compile()
    assert (compiled.count, compiled.rows, rows_of(compiled)) == (4, 4, [0, 1, 2, 3])


def test_a_row_without_a_value_passes_what_none_of_asks() -> None:
    assert rows_of(small_table().compile(none_of=[("text", "equals_any", ["a"])])) == [1, 2, 3]


def test_an_empty_list_exists() -> None:
    assert rows_of(small_table().compile(all_of=[("list", "exists", True)])) == [0, 1, 3]


def test_the_words_outlive_the_table_and_are_read_only() -> None:
    words = small_table(cache_bytes=0).compile(all_of=[("flag", "equals_any", [True])]).words
    assert words.tolist() == [0b1001]
    with pytest.raises(ValueError, match="read-only"):
        words[0] = 0


@pytest.mark.parametrize(
    ("condition", "error", "message"),
    [
        (("year", "exists", True), ValueError, "there is no attribute 'year'"),
        (("text", "range", (0.0, 1.0)), ValueError, "'text' is text, and cannot be compared with a range"),
        (("flag", "range", (0.0, 1.0)), ValueError, "'flag' is boolean, and cannot be compared with a range"),
        (("list", "equals_any", [1.0]), ValueError, "'list' is list of text, and cannot be compared with numbers"),
        (("number", "equals_any", ["1"]), ValueError, "'number' is number, and cannot be compared with texts"),
        (("number", "equals_any", [True]), ValueError, "'number' is number, and cannot be compared with booleans"),
        (("number", "equals_any", [NAN]), ValueError, "'number' is compared with NaN"),
        (("number", "range", (NAN, 1.0)), ValueError, "'number' is compared with NaN"),
        (("number", "range", (1.0, NAN)), ValueError, "'number' is compared with NaN"),
        (("number", "equals_any", []), ValueError, "all_of: equals_any has no values"),
        (("number", "equals", [1.0]), ValueError, "a condition is equals_any, range or exists, not equals"),
        (("number", "equals_any", [1.0, "1"]), TypeError, "all_of: expected a number, got str"),
        (("number", "equals_any", [1.0, True]), TypeError, "all_of: expected a number, got bool"),
        (("flag", "equals_any", [True, 1]), TypeError, "all_of: expected a bool, got int"),
        (("text", "equals_any", ["a", 1]), TypeError, "all_of must be str, got int"),
        (("text", "equals_any", "a"), TypeError, "all_of must be a list or a tuple, got str"),
        (("text", "exists", 1), TypeError, "all_of: expected a bool, got int"),
        (("number", "range", (1.0,)), TypeError, r"a range is \(low, high\)"),
        (("text", "exists"), TypeError, "each must be a tuple"),
        (["text", "exists", True], TypeError, "each must be a tuple"),
    ],
)
def test_bad_conditions_are_refused(condition: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        small_table().compile(all_of=[condition])


UTF8 = np.frombuffer(b"ab", np.uint8)
RISING = np.array([0, 1, 2], np.int64)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AttributeColumn.numbers(np.array([1.0, math.inf])), "entry 1 is infinite"),
        (lambda: AttributeColumn.booleans(np.array([0, 2], np.int8)), "entry 1 is 2; must be 0, 1, or -1"),
        (lambda: AttributeColumn.texts(UTF8, RISING, np.array([0, 2], np.int32)), "codes: entry 1 is 2"),
        (lambda: AttributeColumn.texts(UTF8, RISING, np.array([-2], np.int32)), "codes: entry 0 is -2"),
        (lambda: AttributeColumn.texts(UTF8, RISING[:0], np.array([0], np.int32)), "offsets must be 1 numbers"),
        (lambda: AttributeColumn.texts(UTF8, RISING[:2], np.array([0], np.int32)), "rise from 0 to 2"),
        (lambda: AttributeColumn.texts(UTF8[::-1].copy(), RISING, np.array([0], np.int32)), "value 1 does not rise"),
        (lambda: AttributeColumn.texts(np.array([255], np.uint8), RISING[:2], np.array([0], np.int32)), "not UTF-8"),
        (
            lambda: AttributeColumn.text_lists(
                UTF8, RISING, np.array([0], np.int32), np.array([0, 1], np.int64), np.array([0], np.uint8)
            ),
            "row 0 has texts and no list",
        ),
        (
            lambda: AttributeColumn.text_lists(
                UTF8, RISING, np.array([-1], np.int32), np.array([0, 1], np.int64), np.array([1], np.uint8)
            ),
            "codes: entry 0 is -1",
        ),
        (
            lambda: AttributeColumn.text_lists(
                UTF8, RISING, np.array([0, 1], np.int32), np.array([0, 3, 2], np.int64), np.array([1, 1], np.uint8)
            ),
            "pointers must be 3 numbers that rise from 0 to 2",
        ),
        (lambda: AttributeTable([("a", boolean_column([True]))], rows=2, cache_bytes=0), "'a' has 1 rows, the table 2"),
        (lambda: AttributeTable([("a", boolean_column([]))] * 2, rows=0, cache_bytes=0), "'a' is given twice"),
        (lambda: AttributeTable([], rows=0, cache_bytes=-1), "cache_bytes must be at least 0, got -1"),
        (lambda: AttributeTable([], rows=-1, cache_bytes=0), "rows must be at least 0, got -1"),
    ],
)
def test_bad_columns_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_another_dtype_is_refused() -> None:
    with pytest.raises(TypeError, match="values must be a C-contiguous array of float64"):
        AttributeColumn.numbers(np.zeros(3, np.float32))  # type: ignore[arg-type]  # the point


def year_filter(low: float) -> dict[str, Any]:
    return {"all_of": [("number", "range", (low, low + 2.0))], "none_of": [("number", "equals_any", [low])]}


def test_the_cache_answers_what_was_compiled_before() -> None:
    table = make_table({"number": [float(n) for n in range(1000)]})
    first = table.compile(**year_filter(3.0))
    assert (table.stats()["cache_hits"], table.stats()["cache_misses"], table.stats()["cache_entries"]) == (0, 3, 3)
    again = table.compile(**year_filter(3.0))
    assert (table.stats()["cache_hits"], table.stats()["cache_misses"]) == (1, 3)
    # The same memory, not only the same rows.
    assert first.words.ctypes.data == again.words.ctypes.data
    # A condition that another filter has too is not compiled twice.
    table.compile(all_of=[("number", "equals_any", [3.0, 3.0])])
    assert (table.stats()["cache_hits"], table.stats()["cache_misses"]) == (2, 3)


def test_the_cache_keeps_its_bound_and_drops_what_was_used_longest_ago() -> None:
    table = make_table({"number": [float(n) for n in range(64 * 100)]}, cache_bytes=20_000)
    kept = year_filter(0.0)
    table.compile(**kept)
    for low in range(1, 2000):
        before = table.stats()["cache_hits"]
        assert rows_of(table.compile(**kept)) == [1, 2]
        assert table.stats()["cache_hits"] == before + 1
        assert rows_of(table.compile(**year_filter(float(low)))) == [low + 1, low + 2]
        assert table.stats()["cache_bytes"] <= 20_000
    assert table.stats()["cache_entries"] > 10


def test_a_filter_larger_than_the_cache_is_compiled_each_time() -> None:
    table = make_table({"number": [1.0, 2.0]}, cache_bytes=100)
    for _ in range(2):
        assert rows_of(table.compile(all_of=[("number", "equals_any", [2.0])])) == [1]
    stats = table.stats()
    assert (stats["cache_entries"], stats["cache_bytes"], stats["cache_hits"], stats["cache_misses"]) == (0, 0, 0, 2)


def test_many_threads_compile_at_once() -> None:
    """Few distinct filters and little room, so that threads compile the same, evict and are answered from the cache."""
    table = make_table({"number": [float(n % 50) for n in range(5000)]}, cache_bytes=12_000)
    wrong: list[tuple[int, list[int]]] = []

    def work(seed: int) -> None:
        for low in np.random.default_rng(seed).integers(0, 40, 400).tolist():
            compiled = table.compile(**year_filter(float(low)))
            expected = [row for row in range(5000) if row % 50 in (low + 1, low + 2)]
            if rows_of(compiled) != expected:
                wrong.append((low, expected))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    stats = table.stats()
    assert stats["cache_hits"] > 0
    assert 0 < stats["cache_bytes"] <= 12_000
