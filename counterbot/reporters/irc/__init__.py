"""Lines for IRC channels: none is lost, one may come twice."""
