"""How much is taken on."""

import pytest
from recstream_server.interceptors.admission import Admission
from recstream_server.settings import LimitSettings

from recstream.errors import OverloadedError, UnavailableError


def test_calls_and_streams_have_limits_of_their_own() -> None:
    admission = Admission(LimitSettings(calls_in_flight=2, streams=1))
    admission.enter_call()
    admission.enter_call()
    admission.enter_stream()
    with pytest.raises(OverloadedError, match="2 calls") as caught:
        admission.enter_call()
    assert caught.value.retry_after_s > 0
    with pytest.raises(OverloadedError, match="1 streams"):
        admission.enter_stream()
    admission.leave_call()
    admission.enter_call()
    admission.leave_stream()
    admission.enter_stream()
    assert (admission.calls, admission.streams, admission.arrived) == (2, 1, 7)


def test_a_closed_door_sends_callers_elsewhere() -> None:
    admission = Admission(LimitSettings())
    admission.close()
    with pytest.raises(UnavailableError) as caught:
        admission.enter_call()
    assert caught.value.reason == "SERVER_DRAINING"
    assert (admission.calls, admission.arrived) == (0, 1)
