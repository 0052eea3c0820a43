"""An encoder that cannot work is refused, and the others come back as they were written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from recstream.bundle import AlsFoldIn, BundleContent, Constant, DecayedPooling, Encoder, load_bundle, write_bundle
from recstream.errors import BundleError

MakeContent = Callable[..., BundleContent]
Reseal = Callable[..., None]
Refusal = Callable[[Path], BundleError]


ALS = '{"kind": "als_fold_in", "unobserved_weight": %s, "regularization": %s, "regularization_exponent": 1}'
ENCODER_LIES = {
    "not JSON": "{",
    "a list": "[]",
    "no kind": '{"unobserved_weight": 1}',
    "an unknown kind": '{"kind": "python", "code": "1"}',
    "a kind that is a list": '{"kind": ["constant"]}',
    "a key too few": '{"kind": "als_fold_in", "unobserved_weight": 1, "regularization": 1}',
    "a key too many": '{"kind": "decayed_pooling", "half_life_events": 3, "x": 1}',
    "a key twice": '{"kind": "decayed_pooling", "half_life_events": 3, "half_life_events": 4}',
    "NaN": '{"kind": "decayed_pooling", "half_life_events": NaN}',
    "an infinity": '{"kind": "decayed_pooling", "half_life_events": 1e999}',
    "a giant integer": '{"kind": "decayed_pooling", "half_life_events": 1%s}' % ("0" * 400),
    "more digits than Python reads": '{"kind": "decayed_pooling", "half_life_events": 1%s}' % ("0" * 5000),
    "a half-life of zero": '{"kind": "decayed_pooling", "half_life_events": 0}',
    "a boolean": '{"kind": "decayed_pooling", "half_life_events": true}',
    "no regularization": ALS % (1, 0),
    "a negative weight": ALS % (-1, 1),
    "a short vector": '{"kind": "constant", "vector": [1, 2, 3]}',
    "a vector of text": '{"kind": "constant", "vector": ["1", "2", "3", "4"]}',
    "a number": '{"kind": "constant", "vector": 4}',
    "beyond float32": '{"kind": "constant", "vector": [1, 2, 3, 1e39]}',
    "nested deeply": '{"kind": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "Latin-1": '{"kind": "\xe9"}'.encode("latin-1"),
    "too long": '{"kind": "constant"' + " " * (4 << 20) + "}",
}


@pytest.mark.parametrize("lie", ENCODER_LIES)
def test_a_lying_encoder_is_refused(bundle_folder: Path, reseal: Reseal, lie: str, refusal: Refusal) -> None:
    text = ENCODER_LIES[lie]
    (bundle_folder / "encoder.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    reseal(bundle_folder)
    assert refusal(bundle_folder).file == "encoder.json"


@pytest.mark.parametrize(
    "encoder",
    [
        AlsFoldIn(unobserved_weight=0.0, regularization=1e-9, regularization_exponent=0.0),
        DecayedPooling(half_life_events=12.5),
        Constant((0.1, -2.0, 3e38, 0.0)),
    ],
    ids=lambda encoder: type(encoder).__name__,
)
def test_an_encoder_comes_back_as_it_was_written(tmp_path: Path, make_content: MakeContent, encoder: Encoder) -> None:
    write_bundle(tmp_path / "b", make_content(encoder=encoder))
    assert load_bundle(tmp_path / "b").encoder == encoder
