"""A build's log lines, reduced to what does not vary. Pure: opens no file."""
