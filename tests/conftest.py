"""How hypothesis draws: "ci" gives every run the same examples, "dev" new ones each time. And Ctrl-C for background jobs."""

import os
import signal

from hypothesis import settings

# No deadlines: the first call of a function compiles or imports, and a CI machine is shared.
settings.register_profile("ci", derandomize=True, deadline=None, database=None, print_blob=True)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

# A shell starts a background job with SIGINT ignored, and the commands that tests interrupt would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
