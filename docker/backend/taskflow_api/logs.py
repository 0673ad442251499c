"""JSON logs on standard output, each line with the id of the request it belongs to.

The promise: every line is JSON, also of what the libraries write and of an error that ends the process.
"""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (current := request_id.get()) is not None:
            entry["request_id"] = current
        entry |= getattr(record, "fields", {})
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def configure_logging(level: str) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.captureWarnings(True)
    # Libraries log from warning on: at debug some of them print addresses and headers.
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("taskflow_api", "uvicorn"):
        logging.getLogger(name).setLevel(level.upper())
    # Who deleted what is written at every level.
    logging.getLogger("taskflow_api.audit").setLevel(logging.INFO)
    sys.excepthook = _log_the_end


def _log_the_end(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    logging.critical("the process ends", exc_info=(kind, error, traceback))
