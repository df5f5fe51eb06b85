#!/bin/bash
# Reads the counters before and after the tests. Writes counters.json and testrepository.subunit here.
# Without set -e: collect and check may end with 1 or 3; the script's status is that of the tests.
set -u

# Remove the files of an earlier run: they must not be used if collecting fails now.
rm -f before.json counters.json

counterbot collect --output before.json > /dev/null

stestr run
status=$?

counterbot collect --delta before.json --output counters.json > /dev/null

# Attach after this: stestr does not store attachments of the whole run.
stestr last --subunit > testrepository.subunit

if [ -e counters.json ]; then
    counterbot attach counters.json testrepository.subunit
    # Warns only. Without --warn-only the status is 1 if a counter is over its bound.
    counterbot check counters.json --rules queries/ --warn-only
fi

exit $status
