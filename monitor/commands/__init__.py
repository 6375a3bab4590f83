"""The command line by group; each module registers its commands with ``monitor.cli``."""
