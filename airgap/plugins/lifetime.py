"""How long a plugin lives: as long as the engine that started it."""

import os
import signal
import threading
import time


def leave_with_engine() -> None:
    """Ends the process when the engine says so, or is gone (killed engines say nothing)."""
    engine = os.getppid()

    def watch() -> None:
        while os.getppid() == engine:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))
