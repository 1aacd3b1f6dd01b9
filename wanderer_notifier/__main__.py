"""Lets ``python -m wanderer_notifier`` do what the console script does."""

import sys

from wanderer_notifier.cli import main

sys.exit(main())
