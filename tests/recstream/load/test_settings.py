import pytest

from recstream.errors import ConfigurationError
from recstream.load.settings import Kind, parse_mix, parse_ramp, parse_users


def test_a_mix_is_shares_that_sum_to_one() -> None:
    assert parse_mix("recommend=95,event=5") == {Kind.RECOMMEND: 0.95, Kind.EVENT: 0.05}
    assert parse_mix("stream") == {Kind.STREAM: 1.0}
    assert parse_mix("watch, stream-event=3") == {Kind.WATCH: 0.25, Kind.STREAM_EVENT: 0.75}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rank=1", "'rank' is no kind"),
        ("", "'' is no kind"),
        ("event=1,event=2", "event is given twice"),
        *((f"event={weight}", "no positive") for weight in ("0", "x", "inf", "nan")),
    ],
)
def test_other_mixes_are_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        parse_mix(text)


def test_users_are_uniform_or_zipf() -> None:
    assert (parse_users("uniform"), parse_users("zipf:1.1")) == (0.0, 1.1)
    for text in ("zipf", "zipf:", "zipf:-1", "normal:2", "uniform:1"):
        with pytest.raises(ConfigurationError, match="--users"):
            parse_users(text)


def test_a_ramp_holds_both_ends() -> None:
    assert parse_ramp("100:500:100") == [100, 200, 300, 400, 500]
    assert parse_ramp("0.1:0.3:0.1") == pytest.approx([0.1, 0.2, 0.3])
    assert parse_ramp("7:7:1") == [7]
    for text in ("1:2", "5:1:1", "1:5:0", "a:b:c"):
        with pytest.raises(ConfigurationError, match="--ramp"):
            parse_ramp(text)
