import locale
import os
import sys

from ops.main import main

if locale.getencoding().lower() != "utf-8" and "PYTHONUTF8" not in os.environ:
    # Stack files and what tools print are UTF-8, whatever the locale says; so is it to all Python below.
    os.environ["PYTHONUTF8"] = "1"
    os.execv(sys.executable, [sys.executable, "-m", "ops", *sys.argv[1:]])  # noqa: S606 - in place of this process
main()
