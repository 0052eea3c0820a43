"""Which events of the log the served model has been trained on."""

import structlog

from recstream.bundle import Manifest
from recstream_server.event_log import EventLog

_LOGGER = structlog.get_logger(__name__)


def trained_version(manifest: Manifest, log: EventLog) -> int:
    """Version up to which the events of a log are in a bundle's history; 0 when it was made of other data.

    A log that ends before that version has lost events (restored from a backup) and will give their versions to others:
    it is taken for another one, with a warning.
    """
    place = manifest.data.log
    if place is None or place.log_id != log.identity():
        return 0
    if place.version > log.last_version():
        _LOGGER.warning(
            "event_log_behind_model",
            trained_version=place.version,
            last_version=log.last_version(),
            remedy="events count twice, in the history and live; train again on this log",
        )
        return 0
    return place.version
