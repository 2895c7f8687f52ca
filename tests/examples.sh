#!/usr/bin/env bash
# Runs every example on a small input and compares what comes out with what other tools say.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --examples --quiet
bin=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug/examples
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

for number in 1 2 3; do
    for line in $(seq 1 2000); do echo "line $((line % 97)) of file $number has  some words"; done > "$work/$number.txt"
done
cat "$work"/*.txt | tr -s ' ' '\n' | sort | uniq -c | awk '{print $2, $1}' | sort > "$work/expected"

check_words() {
    cat "$1"/part-* | sed 's/{"word":"\(.*\)","count":\([0-9]*\)}/\1 \2/' | sort > "$work/got"
    cmp "$work/expected" "$work/got" || fail "word_count $2"
}
for how in "--workers 1" "--workers 2" "--workers 1 --processes 2" "--workers 2 --processes 2"; do
    "$bin/word_count" --input "$work/*.txt" --output "$work/out" --overwrite $how
    check_words "$work/out" "$how"
    echo "word_count $how: ok"
done
"$bin/word_count" --input "$work/*.txt" --top 1 --workers 2 > "$work/top"
[ "$(cat "$work/top")" = "    6000  file" ] || fail "word_count on stdout"
if "$bin/word_count" --input "$work/*.txt" --output "$work/out" 2> "$work/error"; then
    fail "word_count wrote into a folder that is not empty"
fi
grep -q overwrite "$work/error" || fail "the error does not say what to do"
echo "word_count errors: ok"

"$bin/relay" --from "file:$work/1.txt" --to - --workers 1 > "$work/relayed"
cmp "$work/1.txt" "$work/relayed" || fail "relay to stdout"
"$bin/relay" --from - --to "file:$work/copy" --workers 2 < "$work/2.txt"
cmp "$work/2.txt" "$work/copy" || fail "relay from stdin"
port=$((20000 + RANDOM % 20000))
"$bin/relay" --from "listen:127.0.0.1:$port" --to "file:$work/received" --drain --log info 2> "$work/log" &
receiver=$!
for _ in $(seq 1 200); do grep -q "127.0.0.1:$port" "$work/log" && break; read -rt 0.05 <> <(:) || true; done
"$bin/relay" --from "file:$work/3.txt" --to "tcp:127.0.0.1:$port" --workers 1
for _ in $(seq 1 100); do
    [ "$(cat "$work"/.received* 2>/dev/null | wc -c)" -ge "$(wc -c < "$work/3.txt")" ] && break
    read -rt 0.05 <> <(:) || true
done
kill -TERM "$receiver"
wait "$receiver" || fail "relay did not drain on SIGTERM"
cmp "$work/3.txt" "$work/received" || fail "relay over tcp"
echo "relay: ok"

"$bin/socket_word_count" --listen "127.0.0.1:$port" --workers 2 --drain --log info > "$work/totals" 2> "$work/log" &
counter=$!
for _ in $(seq 1 200); do grep -q "127.0.0.1:$port" "$work/log" && break; read -rt 0.05 <> <(:) || true; done
"$bin/relay" --from "file:$work/1.txt" --to "tcp:127.0.0.1:$port" --workers 1
for _ in $(seq 1 100); do grep -q '"some","count":2000}' "$work/totals" && break; read -rt 0.05 <> <(:) || true; done
kill -TERM "$counter"
wait "$counter" || fail "socket_word_count did not drain on SIGTERM"
grep -q '{"word":"some","count":2000}' "$work/totals" || fail "socket_word_count"
echo "socket_word_count: ok"

# Programs with data of their own say the same whoever runs them.
says() {
    local how name=$1 expected=$2
    shift 2
    for how in "--workers 1" "--workers 3" "--workers 1 --processes 2"; do
        "$bin/$name" "$@" $how > "$work/said"
        [ "$(cat "$work/said")" = "$expected" ] || fail "$name $* $how: $(cat "$work/said")"
    done
    echo "$name${*:+ $*}: ok"
}
says sessions "2026-01-01T09:00:00Z  ada     3 clicks: / /search /shoes
2026-01-01T09:02:00Z  grace   3 clicks: / /hats /cart
2026-01-01T09:36:00Z  ada     2 clicks: / /cart
2026-01-01T10:11:00Z  edsger  1 click: /
2026-01-01T10:30:00Z  grace   1 click: /"
cat > "$work/clicks.jsonl" <<END
{"time":60000,"user":"ada","page":"/b"}
{"time":0,"user":"ada","page":"/a"}
{"time":600000,"user":"ada","page":"/c"}
END
says sessions "1970-01-01T00:00:00Z  ada     2 clicks: /a /b
1970-01-01T00:10:00Z  ada     1 click: /c" --input "$work/*.jsonl" --gap 5
says late_data "minute 0  on time    25.0 degrees
minute 0  corrected  25.5 degrees
minute 0  too late   29.0 degrees
minute 1  on time    26.7 degrees
minute 2  on time    27.5 degrees
1 of 11 readings were too late; a disorder of 58 seconds would have kept 99.9 %"
says late_data "minute 0  on time    26.1 degrees
minute 1  on time    26.7 degrees
minute 2  on time    27.5 degrees
0 of 11 readings were too late; a disorder of 58 seconds would have kept 99.9 %" --disorder 60
says top_k "2026-01-01T09:00:10Z  2 river, 1 anybody, 1 high
2026-01-01T09:00:20Z  2 high, 2 river, 1 again
2026-01-01T09:00:30Z  2 high, 2 river, 1 again
2026-01-01T09:00:40Z  3 bridge, 2 high, 2 river
2026-01-01T09:00:50Z  4 bridge, 2 high, 2 mill
2026-01-01T09:01:00Z  4 bridge, 2 again, 2 high
2026-01-01T09:01:10Z  4 bridge, 2 again, 2 mill
2026-01-01T09:01:20Z  4 bridge, 3 road, 2 mill
2026-01-01T09:01:30Z  4 bridge, 3 road, 2 mill
2026-01-01T09:01:40Z  3 road, 2 bridge, 2 station
2026-01-01T09:01:50Z  2 road, 2 station, 1 again
2026-01-01T09:02:00Z  2 station, 1 bridge, 1 road
2026-01-01T09:02:10Z  2 station, 1 bridge, 1 road
2026-01-01T09:02:20Z  1 station, 1 tunnel, 1 water
2026-01-01T09:02:30Z  1 station, 1 tunnel, 1 water"
says joins "prices
  order 1: tulips at 400 cents
  order 2: roses at 900 cents
  order 3: tulips at 450 cents
  order 4: roses at 850 cents
  order 5: lilies had no price yet
payments
  order 1: 400 cents after 7 s
  order 2: 400 cents after 60 s
  order 2: 500 cents after 5 s
  order 3: 450 cents for an order that does not wait for them
  order 3: not paid in time
  order 4: 850 cents after 5 s
  order 5: not paid in time
  order 9: 100 cents for an order that does not wait for them
minutes
  minute 0: 3 orders, 1000 cents paid
  minute 1: 2 orders, 1700 cents paid"
# Each second's words, as they come: a window answers without waiting for further ones.
"$bin/top_k" --listen "127.0.0.1:$port" --window 1 --every 1 --workers 2 --log info > "$work/trends" 2> "$work/log" &
trends=$!
for _ in $(seq 1 200); do grep -q "127.0.0.1:$port" "$work/log" && break; read -rt 0.05 <> <(:) || true; done
"$bin/relay" --from "file:$work/1.txt" --to "tcp:127.0.0.1:$port" --workers 1
counted() { grep -o '[0-9]* some' "$work/trends" | awk '{sum += $1} END {print sum + 0}'; }
for _ in $(seq 1 200); do [ "$(counted)" = 2000 ] && break; read -rt 0.05 <> <(:) || true; done
kill -TERM "$trends"
wait "$trends" || fail "top_k did not stop on SIGTERM"
[ "$(counted)" = 2000 ] || fail "top_k on a socket: $(cat "$work/trends")"
echo "top_k on a socket: ok"
says fraud "card 1234: 2 € at 8 s, 650 € at 68 s: block it
card 4711: 1 € at 5 s, 900 € at 20 s: block it
card 7777: 3 € at 70 s: keep an eye on it"
says enrich "Ada looks at /
Barbara looks at /
Grace looks at /hats
somebody looks at /: no answer within 1s, in attempt 2
somebody looks at /shoes: nobody is customer 7
Edsger looks at /
Barbara looks at /cart
Ada looks at /hats"
"$bin/enrich" --unordered --workers 2 > "$work/said"
[ "$(wc -l < "$work/said")" = 8 ] || fail "enrich --unordered: $(cat "$work/said")"
[ "$(tail -1 "$work/said")" = "somebody looks at /: no answer within 1s, in attempt 2" ] ||
    fail "enrich --unordered waits for a slow answer: $(cat "$work/said")"
echo "enrich --unordered: ok"

# Killed again and again, it writes what an undisturbed run writes.
visits() { # what must be the same, whatever the order: the numbers of each page, and the visitors
    cat "$1"/part-* | cut -d' ' -f1,2 | sort > "$2.numbers"
    cat "$1"/part-* | cut -d' ' -f1,3 | sort > "$2.visitors"
}
published() { { find "$work/resumed" -name "part-*" 2> /dev/null || true; } | wc -l; }
"$bin/resume" --output "$work/undisturbed" --visits 60000 --per-second 10000000 --workers 2
visits "$work/undisturbed" "$work/undisturbed"
resume=("$bin/resume" --output "$work/resumed" --visits 60000 --per-second 20000 --no-progress
    --checkpoint-dir "$work/checkpoints" --checkpoint-every 100ms --require exactly-once)
for how in "--workers 2" "--workers 1" "--workers 1 --processes 2"; do
    before=$(published)
    "${resume[@]}" $how 2> "$work/log" &
    resumed=$!
    for _ in $(seq 1 400); do [ "$(published)" -gt "$before" ] && break; read -rt 0.05 <> <(:) || true; done
    kill -KILL "$resumed" 2> /dev/null || fail "resume $how ended before it could be killed: $(cat "$work/log")"
    wait "$resumed" 2> /dev/null || true
    for _ in $(seq 1 200); do flock -n "$work/checkpoints/LOCK" true && break; read -rt 0.05 <> <(:) || true; done
done
"${resume[@]}" --workers 3 2> "$work/log"
grep -q 'job `resume` goes on from checkpoint' "$work/log" || fail "resume does not say what it goes on from: $(cat "$work/log")"
visits "$work/resumed" "$work/resumed"
cmp "$work/undisturbed.numbers" "$work/resumed.numbers" || fail "resume after kills"
cmp "$work/undisturbed.visitors" "$work/resumed.visitors" || fail "resume after kills"
echo "resume: ok"
