#!/bin/sh
# Starts a background process without redirecting its output: the script ends, its pipes stay open.
echo "Starting the file watcher in the background"
sleep 900 &
echo "watcher runs as process $!"
