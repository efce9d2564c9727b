#!/bin/sh
# Runs on cron.
echo "$(date '+%H:%M:%S') load $(cut -d ' ' -f 1-3 /proc/loadavg 2>/dev/null || uptime)"
