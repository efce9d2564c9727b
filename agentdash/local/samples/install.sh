#!/bin/sh
# A slow installation with progress: about twelve seconds.
esc=$(printf '\033')
echo "Installing dependencies"
for step in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24; do
  sleep 0.5
  printf '  [%2s/24] package-%02d %s[32mok%s[0m\n' "$step" "$step" "$esc" "$esc"
  if [ "$step" = 9 ]; then
    echo "warning: package-09 is deprecated, use package-10" >&2
  fi
done
printf '%s[1mDone%s[0m: 24 packages, 0 vulnerabilities\n' "$esc" "$esc"
