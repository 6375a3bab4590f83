"""Groups of commands, one module each, registered in ``monitor/cli.py``."""
