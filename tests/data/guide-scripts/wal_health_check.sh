#!/bin/bash
# wal_health_check.sh

LOAD_BALANCER_URL="https://chroma-load-balancer.onrender.com"

echo "🔍 WAL Health Check - $(date)"
echo "=================================="

# 1. Get overall status
STATUS=$(curl -s "$LOAD_BALANCER_URL/status")
if [ $? -ne 0 ]; then
    echo "❌ FAIL: Cannot reach load balancer"
    exit 1
fi

# 2. Check WAL structure
WAL_PRESENT=$(echo "$STATUS" | jq 'has("write_ahead_log")')
if [ "$WAL_PRESENT" != "true" ]; then
    echo "❌ FAIL: WAL not present in status"
    exit 1
fi

# 3. Extract WAL metrics
PENDING=$(echo "$STATUS" | jq '.write_ahead_log.pending_writes')
REPLAYING=$(echo "$STATUS" | jq '.write_ahead_log.is_replaying') 
TOTAL_REPLAYED=$(echo "$STATUS" | jq '.write_ahead_log.total_replayed')
FAILED_REPLAYS=$(echo "$STATUS" | jq '.write_ahead_log.failed_replays')

# 4. Instance health
PRIMARY_HEALTHY=$(echo "$STATUS" | jq '.instances[] | select(.name=="primary") | .healthy')
REPLICA_HEALTHY=$(echo "$STATUS" | jq '.instances[] | select(.name=="replica") | .healthy')

# 5. Report results
echo "WAL Metrics:"
echo "  Pending writes: $PENDING"
echo "  Currently replaying: $REPLAYING" 
echo "  Total replayed: $TOTAL_REPLAYED"
echo "  Failed replays: $FAILED_REPLAYS"
echo ""
echo "Instance Health:"
echo "  Primary: $PRIMARY_HEALTHY"
echo "  Replica: $REPLICA_HEALTHY"

# 6. Health assessment
if [ "$PENDING" -eq 0 ] && [ "$REPLAYING" == "false" ]; then
    echo "✅ WAL Status: HEALTHY"
elif [ "$PENDING" -lt 10 ]; then
    echo "⚠️  WAL Status: WARNING - Some pending writes"
else
    echo "🚨 WAL Status: CRITICAL - High pending writes"
fi
