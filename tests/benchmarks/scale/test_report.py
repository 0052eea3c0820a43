"""Laws by size: slopes of figures that are known."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.scale.report import BEGIN, END, fit, law, of_part, publish, slope, tables


def record(size: int, part: str = "items", **figures: float) -> dict[str, Any]:
    return {"part": part, "size": size, "load": 1.0, "start_s": 1.0, "rss_mib": 100.0} | figures


def test_slopes_are_those_of_the_two_largest_sizes() -> None:
    records = [record(s, rss_mib=7.0 * s, server_us=5.0, p99_ms=s**0.5, start_s=9.0) for s in (100, 10_000)]
    records.insert(0, record(10, rss_mib=1.0, server_us=900.0, p99_ms=1.0))
    slopes = [slope(records, name) for name in ("rss_mib", "server_us", "p99_ms")]
    assert slopes == pytest.approx([1.0, 0.0, 0.5])


def test_a_law_is_what_does_not_grow_and_what_does() -> None:
    sizes = [1e4, 1e5, 1e6, 5e6]
    assert fit(sizes, [100 + 0.25 * size for size in sizes]) == pytest.approx((100, 0.25))
    assert fit(sizes, [7.0] * 4) == pytest.approx((7, 0))
    assert fit(sizes, [3 * size for size in sizes])[1] == pytest.approx(3)
    assert fit([1, 10], [5, 1])[1] == 0
    records = [record(int(size), rss_mib=100 + size / 10_000) for size in sizes]
    assert law(records, "rss_mib") == "100 + 100 a million"
    assert law(records, "start_s") == ""


def test_parts_are_tables_by_rising_size() -> None:
    document = {"sizes": [record(20_000, rss_mib=200), record(1_000), record(5, part="users", log_mib=3.14159)]}
    assert [one["size"] for one in of_part(document, "items")] == [1000, 20_000]
    lines = tables(document).splitlines()
    assert lines[0] == "## Items in the catalogue"
    assert "| 20,000 | 1 | 200 |" in lines
    assert any(line.startswith("| *slope* | 0.00 | 0.23 |") for line in lines)
    assert "| 5 | 1 | 100 | 3.14 |" in lines
    assert "log, MiB" not in lines[2]


def test_the_page_keeps_what_is_around(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"a\n{BEGIN}\nold\n{END}\nz\n")
    document = {"commands": ["c"], "machine": {"cpu": "A", "cores": 2}, "sizes": [record(10), record(20)]}
    publish(document, page)
    text = page.read_text()
    assert text.startswith(f"a\n{BEGIN}\n`c` on A, 2 cores; load while measuring 1.0 to 1.0")
    assert text.endswith(f"{END}\nz\n")
    assert "old" not in text
    assert "![Memory and processor time by size](scale.svg)" in text
    assert (tmp_path / "scale.svg").stat().st_size > 1000
    page.write_text("nothing")
    with pytest.raises(ValueError, match="has no lines"):
        publish(document, page)
