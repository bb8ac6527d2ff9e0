#!/bin/sh
# The check of the checks: breaks trace.h in one place at a time and expects a test to notice. A mutant that lives is a test that is
# missing.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
#
#   sh tests/tools/mutants.sh [part of a name ...]      CC=cc
#
# A line of the list: name | sed script | program | parts of names of tests. The script must change trace.h, else the list is out of
# date, which counts as a failure. The tests must pass without it, and fail, or not end in MUTANT_TIMEOUT seconds, with it.
set -u
cd "$(dirname "$0")/../.." || exit 2
: "${CC:=cc}" "${MUTANT_TIMEOUT:=20}"
out=build/mutants
mkdir -p "$out/tests"
cp trace*.h "$out/"
cp tests/*.[ch] "$out/tests/"
passed=0 failed=0

build() { $CC -std=gnu11 -O1 -g -pthread "$out/tests/$1.c" -o "$out/$2" -lm >"$out/$2.build" 2>&1; }

# Seeds of both kinds: the first ring near the wrap of its indices, and at 0.
run() {
    binary=$1
    shift
    for seed in 1 6; do
        TEST_SEED=$seed TEST_SCALE=4 TEST_BUILD_DIR=$PWD/$out timeout -k 5 "$MUTANT_TIMEOUT" "$binary" "$@" >"$out/log" 2>&1 </dev/null || return 1
    done
}

list() {
    cat <<'END'
ring: head published relaxed in ring_write | /^static bool tracei_ring_write(/,/^}/ s/STORE_RELEASE(&unit->head/STORE(\&unit->head/ | test_explore | ring
ring: head read relaxed by the pass | s/unit->pass_head = TRACEI_LOAD_ACQUIRE(&unit->head)/unit->pass_head = TRACEI_LOAD(\&unit->head)/ | test_explore | ring
ring: tail given back relaxed | s/TRACEI_STORE_RELEASE(&drain->unit->tail/TRACEI_STORE(\&drain->unit->tail/ | test_explore | ring
ring: tail read relaxed | /tracei_ring_make_room(tracei_unit/,/^}/ s/TRACEI_LOAD_ACQUIRE(&unit->tail)/TRACEI_LOAD(\&unit->tail)/ | test_explore | ring
ring: one record too many | s/    if (in_use <= size) return true;/    if (in_use <= size + 64) return true;/ | test_ledger | ring_full lossless
ring: never full | s/    if (in_use <= size) return true;/    return true;/ | test_ledger | ring_full
ring: allowed past the wrap | s/unit->left = unit->unnamed ? 0 : room < to_wrap ? room : to_wrap;/unit->left = unit->unnamed ? 0 : room;/ | test_ledger | lossless
ring: allowed past what is read | s/const uint32_t room = bound > in_use ? bound - in_use : 0;/const uint32_t room = bound;/ | test_ledger | ring_full lossless
ring: no padding before the wrap | s/    if (total != size) {/    if (0) {/ | test_ledger | lossless
ring: indices compared in order | s/while (drain.position != unit->pass_head)/while (drain.position < unit->pass_head)/ | test_ledger | lossless
ring: largest payload unbounded | s/unit->payload_max = size \/ 4 - /unit->payload_max = size - / | test_ledger | quarter
ring: the worker is told at each drop | s/if (!unit->half_told || unit->tail_told != unit->tail_seen) {/if (true) {/ | test_ledger | never_waits
ring: waits although not told to | s/return TRACEI_LOAD(&tracei_lossless_ms) != 0 \&\& tracei_wait_for_room/return tracei_wait_for_room/;s/tracei_deadline(TRACEI_LOAD(&tracei_lossless_ms))/tracei_deadline(100)/ | test_ledger | never_waits
adoption: given up relaxed | /tracei_unit_disown(tracei_unit/,/^}/ s/TRACEI_STORE_RELEASE(&unit->owned/TRACEI_STORE(\&unit->owned/ | test_explore | adoption
adoption: taken without looking | s/if (TRACEI_LOAD(&unit->owned) || !TRACEI_CAS(&unit->owned, &expected, 1u)) return false;/TRACEI_STORE(\&unit->owned, 1u); (void)expected;/ | test_explore | adoption
adoption: never | s/    if (unit->mask + 1 == TRACEI_LOAD(&tracei_ring_bytes) \&\& unit->open == open) {/    if (0) {/ | test_threads | short_threads
returned: taken without acquire | /tracei_reclaim(tracei_unit/,/^}/ s/while (!TRACEI_CAS(&unit->returned, &expected, (tracei_slot \*)NULL)) {}/TRACEI_STORE(\&unit->returned, (tracei_slot *)NULL);/ | test_explore | return
returned: pushed without a look at the head | /tracei_give_back(tracei_slot/,/^}/ s/while (!TRACEI_CAS(&owner->returned, &head, slot));/while (0); TRACEI_STORE_RELEASE(\&owner->returned, slot);/ | test_explore | return
returned: left in the chain | /tracei_reclaim(tracei_unit/,/^}/ s/if (slot->chained) tracei_chain_remove(unit, slot);// | test_threads | ended_elsewhere
sleep: no barrier | s/if (TRACEI_MEMBARRIER() \&\& !tracei_anything_published())/if (!tracei_anything_published())/ | test_explore | sleep
sleep: no second look | s/if (TRACEI_MEMBARRIER() \&\& !tracei_anything_published())/if (TRACEI_MEMBARRIER())/ | test_explore | sleep
sleep: nobody is woken | /TRACEI_COLD void tracei_attend(void) {/,/^}/ s/        tracei_worker_call();// | test_explore | sleep
sleep: producers do not look | /void tracei_ring_published(void) {/,/^}/ s/    if (TRACEI_RARE(TRACEI_LOAD(&tracei_attention))) tracei_attend();// | test_life | the_worker_wakes_up
threads: open to signals | s/pthread_sigmask(SIG_SETMASK, &all, &before);/pthread_sigmask(SIG_SETMASK, NULL, \&before);/ | test_life | our_threads_block
main left: nobody is told | /^static void tracei_main_leaves(/,/^}/ s/    tracei_worker_call();// | test_life | pthread_exit_from_main
main left: slept over | s/ \&\& quiet \&\& !main_left \&\& / \&\& quiet \&\& / | test_life | pthread_exit_from_main
main left: any thread may be the last | s/^    return threads == TRACEI_LOAD_ACQUIRE(&tracei_threads_alive) + 1;/    return true;/ | test_life | pthread_exit_from_main
main left: closed to signals | s/^    pthread_sigmask(SIG_SETMASK, &tracei_worker.signals, NULL);// | test_life | sigterm
ledger: published after the head | /^static bool tracei_ring_write(/,/^}/ s/if (type == TRACEI_RECORD_SPAN)/if (0)/ | test_ledger | lossless
ledger: consumed counted twice | s/^    tracei_ledger_consumed(drain->taken);/&&/ | test_ledger | lossless
ledger: a lost span is not counted | s/^        tracei_ledger_lost();/;/ | test_ledger | no_memory
batch: without bound | s/if (drain.met == TRACEI_BATCH_SPANS)/if (0)/ | test_ledger | lossless
time: not looked at after a batch | /^static void tracei_pass_look(/,/^}/ s/ >= tracei_pass_deadline/ == 0/ | test_ledger | keep_to_their_time
time: not looked at after a pass | s/while (now \&\& tracei_mono_ns() < deadline)/while (now)/ | test_ledger | budget
time: a round that was cut does not go on | s/^    if (!tracei_round_cut) {/    if (true) {/ | test_ledger | budget
handles: any generation will do | s/TRACEI_LOAD(TRACEI_SLOT_WORD(slot)) == tracei_halves(span.slot, span.generation)/(uint32_t)TRACEI_LOAD(TRACEI_SLOT_WORD(slot)) == span.slot/ | test_span | handles_that ending_in
handles: any id will do | s/ \&\& slot->record.span_id == span.id;/;/ | test_span | handles_that
fork: ids go on as the parent's | s/madvise(page, 4096, MADV_WIPEONFORK) == 0/madvise(page, 4096, MADV_NORMAL) == 0/ | test_life | ids_of_64
fork: a handler's child waits for its parent's first call | s/(unit == &tracei_unit_entering && tracei_epoch_now() != 0)/unit == \&tracei_unit_entering/ | test_signal | first_call
fork: a handler's child goes back to its parent's unit | s/if (TRACEI_RARE(tracei_tls != &tracei_unit_entering))/if (0)/ | test_signal | first_call
fork: a child reads its parent's rings | /^static void tracei_begin_child(/,/^}/ s/^    tracei_units = NULL;// | test_life | does_not_deliver
limits: one event too many | s/if (slot->event_count < TRACEI_LOAD(&tracei_limit.events)) {/if (slot->event_count <= TRACEI_LOAD(\&tracei_limit.events)) {/ | test_span | limits
limits: attributes without one | s/tracei_decode_attributes(entries, end, count, TRACEI_LOAD(&tracei_limit.attributes))/tracei_decode_attributes(entries, end, count, UINT32_MAX)/ | test_span | limits
limits: the length of values without one | s/unit->value_length = TRACEI_LOAD(&tracei_limit.value_length);/unit->value_length = UINT32_MAX;/ | test_span | limits
drops: after shutdown by another name | /^static TRACEI_COLD uint32_t tracei_drop_reason(/,/^}/ s/if (TRACEI_LOAD(&tracei_off_flag)) return TRACE_DROP_SHUTDOWN;// | test_ledger | after_shutdown
drops: too large by another name | s/return slot->record.payload > unit->payload_max ? TRACE_DROP_TOO_LARGE/return false ? TRACE_DROP_TOO_LARGE/ | test_ledger | too_large
drops: nobody reads, and exported all the same | /^static void tracei_ledger_consumed(/,/^}/ s/    if (tracei_exporter_count == 0)/    if (false)/ | test_ledger | any_more
sampler: the ratio goes by the other half of the id | /^static trace_decision tracei_sample_ratio(/,/^}/ s/input->trace_id + 8, 8/input->trace_id, 8/ | test_sampler | ratio
traceparent: version ff is one | s/ || version == 0xff) return false;/) return false;/ | test_propagation | w3c_harness every_way
traceparent: version 0 may be longer | s/if (text.size > 55 \&\& (version == 0 || text.data\[55\] != '-')) return false;// | test_propagation | w3c_harness every_way
traceparent: all flags go on | s/found.flags = flags & (.*);/found.flags = flags;/ | test_propagation | traceparent
environment: read at each batch | s/^static void tracei_export(tracei_running .*{/&(void)getenv("X");/ | test_ledger | nothing_reads
log: longer than its line | /^static void tracei_line_add(/,/^}/ s/    if (size > room) size = room;// | test_environment | lines_of_the_log
limits: bytes are cut as text | s/type == TRACE_TYPE_BYTES ? unit->value_length : // | test_span | bytes_are_cut
pool: what was large is not given back | /^static TRACEI_COLD void tracei_buffer_give(/,/^}/ s/^        (void)TRACEI_SUB(&tracei_pool_bytes, size);// | test_span | used_up
pool: without bound | s/if (TRACEI_ADD(&tracei_pool_bytes, size) + size > TRACEI_LOAD(&tracei_max_pool_bytes))/if (TRACEI_ADD(\&tracei_pool_bytes, size) == SIZE_MAX)/ | test_span | used_up
pool: what found no room is not counted | /^static TRACEI_COLD void tracei_count_dropped_attribute(/,/^}/ s/^    slot->record.dropped_attributes++;// | test_span | used_up
exporters: a call of theirs goes on without a unit | /^TRACE_API void trace_unwind(trace_mark mark) {/,/^}/ s/^    if (!unit) return;// | test_span | calls_of_exporters
exporters: a call of theirs is misuse | s/^    if (unit != &tracei_unit_suppressed) (void)TRACEI_ADD/    (void)unit, (void)TRACEI_ADD/ | test_span | calls_of_exporters
exit: quick_exit shuts nobody down | /^static void tracei_at_quick_exit(/,/^}/ s/^    tracei_at_last();// | test_life | exit_in_all_ways
shutdown: a sleeping worker is not woken | /^static bool tracei_worker_end(/,/^}/ s/^    tracei_worker_call();// | test_life | start_and_stop
said once: a sampler's tracestate | s/if (!valid \&\& tracei_first_time(&said))/if (!valid)/ | test_sampler | samplers_state
locks: the pass, not taken by pump | /^TRACE_APP size_t trace_pump(/,/^}/ s/if (tracei_try_lock(&tracei_pass_lock))/if (true)/ | test_api | programs
locks: the pass, kept by pump | /^TRACE_APP size_t trace_pump(/,/^}/ s/        tracei_unlock(&tracei_pass_lock);// | test_api | programs
locks: the pass, not taken by a flush | s/bool acquired = tracei_try_lock(&tracei_pass_lock);/bool acquired = true;/ | test_api | programs
locks: the pass, kept by a flush | /^static trace_result tracei_run_errand(/,/^}/ s/^    tracei_unlock(&tracei_pass_lock);// | test_api | programs
locks: the pass, not taken by the worker | /^static void tracei_worker_main(/,/^}/ s/if (tracei_try_lock(&tracei_pass_lock))/if (true)/ | test_life | the_worker_wakes_up
locks: the pass, kept by the worker | /^static void tracei_worker_main(/,/^}/ s/            tracei_unlock(&tracei_pass_lock);// | test_life | the_worker_wakes_up
locks: the pass, not taken by who waits for room | /^static bool tracei_wait_until_room(/,/^}/ s/ \&\& tracei_try_lock(&tracei_pass_lock)// | test_ledger | lossless
locks: the pass, kept by who waits for room | /^static bool tracei_wait_until_room(/,/^}/ s/            tracei_unlock(&tracei_pass_lock);// | test_ledger | lossless
locks: the pass, kept by trace_init | /^static trace_result tracei_init_by(/,/^}/ s/            tracei_unlock(&tracei_pass_lock);// | test_api | programs
locks: slots', not taken | s/^    tracei_lock(&tracei_chunk_lock);// | test_threads | one_parent
locks: slots', kept | /^static TRACEI_COLD bool tracei_slot_refill(/,/^}/ s/    tracei_unlock(&tracei_chunk_lock);// | test_threads | one_parent
locks: entries', not taken | s/^    tracei_lock(&tracei_entries.lock);// | test_span | contexts_made_current
locks: entries', kept | s/^    tracei_unlock(&tracei_entries.lock);// | test_propagation | blocks_are_all_there
locks: scopes', not taken | s/^    tracei_lock(&tracei_scope_lock);// | test_scope | first_rule
locks: scopes', kept | s/^    tracei_unlock(&tracei_scope_lock);// | test_scope | first_rule
locks: the ledger's, not taken | s/^    tracei_lock(&tracei_ledger_lock);// | test_ledger | ring_full
locks: the ledger's, kept | s/^    tracei_unlock(&tracei_ledger_lock);// | test_ledger | ring_full
locks: the worker's, not taken to start it | s/^    if (!tracei_try_lock(&tracei_worker_lock)) return;// | test_life | the_worker_wakes_up
locks: the worker's, not taken to end it | s/^    tracei_lock(&tracei_worker_lock);// | test_life | start_and_stop
locks: the worker's, kept | s/^    tracei_unlock(&tracei_worker_lock);// | test_life | the_worker_wakes_up
locks: a console's, not taken | s/^ *tracei_lock(&console->lock);// | test_console | any_thread_may_read
locks: a console's, kept | s/^ *tracei_unlock(&console->lock);// | test_console | any_thread_may_read
locks: all consoles', not taken | s/^    tracei_lock(&tracei_consoles_lock);// | test_console | one_console_for_each
locks: all consoles', kept | s/^    tracei_unlock(&tracei_consoles_lock);// | test_console | one_console_for_each
locks: the memory exporter's, not taken | s/^    tracei_lock(&memory->lock);// | test_span | two_roots
locks: the memory exporter's, kept | s/^    tracei_unlock(&memory->lock);// | test_span | two_roots
time: a pair without a later tick is drawn | s/} else if (pair->ticks <= timeline->frontier) {/} else if (pair->ticks < timeline->frontier) {/ | test_time | remembered
time: a root keeps the offset it saw | s/if (moved) TRACEI_STORE(&tracei_wall_offset, offset);/TRACEI_STORE(\&tracei_wall_offset, offset);/ | test_time | roots_look
time: an offset is left out | s/--timeline->anchor_count \* sizeof \*last/--timeline->anchor_count * sizeof *last - sizeof *last/ | test_time | wall_clock_steps
memory: one span beyond the capacity | s/if (spans \&\& count < capacity)/if (spans \&\& count <= capacity)/ | test_span | buffer
assembler: one half of the id is enough | s/while (\*at \&\& ((\*at)->low != low || (\*at)->high != high))/while (*at \&\& (*at)->low != low)/ | test_assembler | all_of_their_ids
assembler: any open root is taken for the one that ended | s/while (tracei_held_is_open(\*at) \&\& (\*at)->record.span_id != span_id)/while (false)/ | test_assembler | stays_open
assembler: what is due is lost behind what has gone | s/    if (!\*at) tracei_assembler.due_last = at;// | test_tail | waits_on
tail: a decision made again takes a place more | s/for (i = 0; i < 3 \&\& (place.*; i++) {}/for (i = 0; i < 3; i++) {}/ | test_tail | second_place
console: a bucket beyond the last | s/if (octave + 1 >= TRACEI_CONSOLE_OCTAVES)/if (octave + 1 > TRACEI_CONSOLE_OCTAVES)/ | test_console | histogram
console: any long service is called by its end | s/if (service.size > size \&\& memcmp(service.data, unnamed, size) == 0)/if (service.size > size)/ | test_console | long_name
END
}

trim() { printf '%s' "$1" | sed 's/^ *//; s/ *$//'; }

verdict() { # ok name text
    if [ "$1" = 1 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    printf '%-46s %s\n' "$2" "$3"
}

list >"$out/list"
while IFS= read -r line; do
    name=$(trim "${line%% | *}") rest=${line#* | }
    script=$(trim "${rest%% | *}") rest=${rest#* | }
    program=$(trim "${rest%% | *}") tests=$(trim "${rest#* | }")
    if [ $# -gt 0 ]; then
        found=
        for part; do case $name in *"$part"*) found=1 ;; esac; done
        [ -n "$found" ] || continue
    fi
    if [ ! -f "$out/$program.sound" ] || [ -n "$(find trace.h "tests/$program.c" tests/test.h -newer "$out/$program.sound")" ]; then
        cp trace.h "$out/trace.h"
        build "$program" "$program.sound" || { verdict 0 "$name" "$program does not build"; cat "$out/$program.sound.build"; continue; }
    fi
    if ! run "$out/$program.sound" $tests; then
        verdict 0 "$name" "$program $tests fails as it is"
        continue
    fi
    sed "$script" trace.h >"$out/trace.h"
    if cmp -s trace.h "$out/trace.h"; then
        verdict 0 "$name" "the edit finds nothing to change"
    elif ! build "$program" mutant; then
        verdict 0 "$name" "the mutant does not build: $(grep -m 1 error "$out/mutant.build")"
    elif run "$out/mutant" $tests; then
        verdict 0 "$name" "SURVIVED $program $tests"
    else
        verdict 1 "$name" "killed by $program"
    fi
done <"$out/list"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
