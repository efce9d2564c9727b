#!/bin/sh
# Fails on purpose, the way such scripts do: a line of cause on stderr, then an exit code.
echo "Cloning dotfiles"
sleep 1
echo "Cloning into 'dotfiles'..." >&2
sleep 0.5
echo "fatal: could not read Username for 'https://git.example.com': terminal prompts disabled" >&2
echo "dotfiles: giving up after 1 attempt" >&2
exit 3
