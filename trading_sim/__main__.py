"""`python -m trading_sim`: the command line of the cluster."""

import sys

from trading_sim.cli import main

sys.exit(main())
