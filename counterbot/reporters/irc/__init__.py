"""Posts lines to IRC channels: none is lost, a repeat is possible."""
