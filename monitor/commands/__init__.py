"""Commands of the command line, a group to a module."""
