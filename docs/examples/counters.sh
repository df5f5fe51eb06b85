#!/bin/bash
# Runs the tests with counters around them. Leaves counters.json and testrepository.subunit here.
# Without set -e: collecting and checking have statuses of their own, and the job's is that of the tests.
set -u

# What an earlier run left is not this one's, least of all where nothing can be collected now.
rm -f before.json counters.json

counterbot collect --output before.json > /dev/null

stestr run
status=$?

counterbot collect --delta before.json --output counters.json > /dev/null

# Only now: what stestr keeps, and what it prints, has no place for counters.
stestr last --subunit > testrepository.subunit

if [ -e counters.json ]; then
    counterbot attach counters.json testrepository.subunit
    # Nobody is stopped by a bound yet. Without --warn-only the status is 1 where one is crossed.
    counterbot check counters.json --rules queries/ --warn-only
fi

exit $status
