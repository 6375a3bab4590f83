"""One module for each forum engine that can be read; the folder is the list."""
