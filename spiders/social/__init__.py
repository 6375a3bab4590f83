"""One module for each open social or review source that can be read; the folder is the list."""
