"""Known failures: elastic-recheck's queries, and where they match in a build's logs. Pure: opens no file."""
