set -e
rm -f before.json counters.json
counterbot collect --output before.json > /dev/null || true
# ... the tests ...
counterbot collect --delta before.json --output counters.json > /dev/null || true
counterbot check counters.json --rules queries/ --warn-only || true
