"""Parts of the estate's pages that join the inventory with measurements: only the composition layer may know both."""
