#!/bin/sh
# Colours, weights and a little Unicode: what a cheerful start-up script prints.
esc=$(printf '\033')
printf '%s[1;36m  agentdash%s[0m on %s[33m%s%s[0m\n' "$esc" "$esc" "$esc" "$(uname -n)" "$esc"
sleep 0.3
for code in 31 32 33 34 35 36 91 92 93 94 95 96; do
  printf '%s[%sm■%s[0m ' "$esc" "$code" "$esc"
done
printf '\n'
sleep 0.3
for step in 16 52 88 124 160 196 202 208 214 220 226; do
  printf '%s[48;5;%sm  ' "$esc" "$step"
done
printf '%s[0m 256 colours\n' "$esc"
for red in 0 40 80 120 160 200 240; do
  printf '%s[48;2;%s;90;160m  ' "$esc" "$red"
done
printf '%s[0m true colour\n' "$esc"
printf '%s[1mbold%s[0m %s[3mitalic%s[0m %s[4munderlined%s[0m %s[7mreverse%s[0m %s[9mstruck%s[0m\n' \
  "$esc" "$esc" "$esc" "$esc" "$esc" "$esc" "$esc" "$esc" "$esc" "$esc"
sleep 0.4
printf 'wide: 你好 · emoji: 🚀 · combining: é\n'
printf '%s[32m✔%s[0m ready for you\n' "$esc" "$esc"
