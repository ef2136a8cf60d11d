#!/bin/bash
# wal_performance_test.sh

LOAD_BALANCER_URL="https://chroma-load-balancer.onrender.com"
TEST_COLLECTION="wal_perf_test_$(date +%s)"

echo "🚀 WAL Performance Test"
echo "======================="

# 1. Test normal operation speed
echo "Testing normal operation..."
START_TIME=$(date +%s.%N)
curl -s -X POST -H "Content-Type: application/json" \
  -d "{\"name\":\"$TEST_COLLECTION\",\"metadata\":{\"test\":\"performance\"}}" \
  "$LOAD_BALANCER_URL/api/v2/collections" > /dev/null
END_TIME=$(date +%s.%N)
NORMAL_TIME=$(echo "$END_TIME - $START_TIME" | bc)

echo "Normal operation time: ${NORMAL_TIME}s"

# 2. Test status endpoint speed
echo "Testing status endpoint..."
START_TIME=$(date +%s.%N)
curl -s "$LOAD_BALANCER_URL/status" > /dev/null
END_TIME=$(date +%s.%N)
STATUS_TIME=$(echo "$END_TIME - $START_TIME" | bc)

echo "Status endpoint time: ${STATUS_TIME}s"

# 3. Cleanup
curl -s -X DELETE "$LOAD_BALANCER_URL/api/v2/collections/$TEST_COLLECTION" > /dev/null

# 4. Performance assessment
if (( $(echo "$STATUS_TIME < 2.0" | bc -l) )); then
    echo "✅ Performance: GOOD"
else
    echo "⚠️  Performance: SLOW - Status endpoint > 2s"
fi
