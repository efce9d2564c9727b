#!/bin/sh
# Runs when the workspace stops.
echo "Saving state"
sleep 0.2
echo "Goodbye"
