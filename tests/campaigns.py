"""Whether tests that have a long form run it: `make campaigns`."""

import os

IS_CAMPAIGN = os.environ.get("CAMPAIGN") == "1"
