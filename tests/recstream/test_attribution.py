"""What attribution tokens say, and what none of them is."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recstream.attribution import MAX_TOKEN_BYTES, Attribution, read_token, token_head

NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True)
VERSIONS = st.from_regex(r"[0-9a-f]{12}", fullmatch=True)


@given(name=NAMES, version=VERSIONS, state_version=st.integers(0, 2**63 - 1))
def test_a_token_says_its_model_and_state(name: str, version: str, state_version: int) -> None:
    token = f"{token_head(name, version)}{state_version}"
    assert read_token(token) == Attribution(name, version, state_version)
    assert len(token.encode()) <= 123 < MAX_TOKEN_BYTES


@pytest.mark.parametrize("model", ["m@3f9a0c51d2e4", "ml-100k-als@3f9a0c51d2e4", "m2@000000000000"])
def test_the_head_is_base64url_without_padding(model: str) -> None:
    expected = base64.urlsafe_b64encode(model.encode()).decode().rstrip("=")
    assert token_head(*model.split("@")) == expected + "."


def encoded(model: bytes) -> str:
    return base64.urlsafe_b64encode(model).decode().rstrip("=")


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "17",
        "anything",
        "\0",
        "bWwtMTAway1hbHNAM2Y5YTBjNTFkMmU0",
        "bWwtMTAway1hbHNAM2Y5YTBjNTFkMmU0.",
        "bWwtMTAway1hbHNAM2Y5YTBjNTFkMmU0.-1",
        "bWwtMTAway1hbHNAM2Y5YTBjNTFkMmU0.01",
        "bWwtMTAway1hbHNAM2Y5YTBjNTFkMmU0.1 ",
        "bWwtMTAway1hbHNAM2Y5YTBjNTFkMmU0.1\n",
        "bWwtMTAway1hbHNAM2Y5YTBjNTFkMmU0.\u0661",
        "bWwtMTAway1hbHNAM2Y5YTBjNTFkMmU0.12345678901234567890",
        "bWwtMTAway1hbHNAM2Y5YTBjNTFkMmU0=.1",
        encoded(b"\x1b[31m@3f9a0c51d2e4") + ".1",
        encoded(b"m@3F9A0C51D2E4") + ".1",
        encoded(b"m@3f9a0c51d2e4\n") + ".1",
        encoded(b"<script>@3f9a0c51d2e4") + ".1",
        encoded(b"m" * 65 + b"@3f9a0c51d2e4") + ".1",
        encoded(b"m@3f9a0c51d2e4")[:-1] + "R.1",  # the same bytes, by other bits at the end
    ],
)
def test_what_no_server_made_says_nothing(token: str) -> None:
    assert read_token(token) is None


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(token: str) -> None:
    said = read_token(token)
    assert said is None or f"{token_head(said.name, said.version)}{said.state_version}" == token
