set -e
rm -f before.json counters.json
counterbot collect --output before.json > /dev/null || [ $? -eq 3 ]
# ... the tests ...
counterbot collect --delta before.json --output counters.json > /dev/null || [ $? -eq 3 ]
counterbot check counters.json --rules queries/ --warn-only || [ $? -eq 3 ]
