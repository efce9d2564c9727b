"""``python -m agentdash``."""

import sys

from agentdash.cli import main

sys.exit(main())
