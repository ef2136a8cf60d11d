#!/bin/bash
# wal_monitor.sh - WAL monitoring script

LOAD_BALANCER_URL="https://chroma-load-balancer.onrender.com"

while true; do
    STATUS=$(curl -s "$LOAD_BALANCER_URL/status")
    PENDING=$(echo "$STATUS" | jq '.write_ahead_log.pending_writes')
    REPLAYING=$(echo "$STATUS" | jq '.write_ahead_log.is_replaying')
    FAILED=$(echo "$STATUS" | jq '.write_ahead_log.failed_replays')
    
    echo "$(date): WAL Status - Pending: $PENDING, Replaying: $REPLAYING, Failed: $FAILED"
    
    # Alert conditions
    if [ "$PENDING" -gt 20 ]; then
        echo "⚠️  WARNING: High pending writes count: $PENDING"
    fi
    
    if [ "$FAILED" -gt 2 ]; then
        echo "🚨 CRITICAL: Replay failures detected: $FAILED"
    fi
    
    sleep 30
done
