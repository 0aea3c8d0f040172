"""The express path: stamping, risk, matching, journal frames and answers of many requests in one compiled call.

Gives byte for byte what `sequencer`, `ShardMachine.apply`, `entries`, `segment` and `answers` give one after another; what it does not
do itself (the shard's own commands, a full event buffer) it leaves to them and says so in its status.
"""

import numpy as np

from trading_sim.jit import entry, inlined
from trading_sim.ledger import records as ledger
from trading_sim.matching import hot, layout
from trading_sim.matching.records import EventKind, Kind
from trading_sim.protocol.operator import SETTLE, OperatorKind
from trading_sim.risk.desk import Desk
from trading_sim.risk.reasons import RISK_BASE
from trading_sim.shard.entries import BATCH, HEADER
from trading_sim.shard.express_memory import array_at, checksum, put_u32, put_u64
from trading_sim.shard.wire import Frame

MAX_REQUESTS, MAX_COMMANDS = 4_096, 8_192

# The address list: pairs of address and length, in this order.
(BOX, REQUESTS, STAMPED, WORK, EVENTS, OUT, PARTIES, REJECTS, JOURNAL, FILLS, TABLES) = range(0, 22, 2)
STATE, DESK = 22, 38
ADDRESSES = 54

# The box: scalars that go in and come out.
(
    MODE, COUNT, STATUS, DONE, NEXT_SEQ, NEXT_ORDER_ID, DAY_BASE, NOW_NS, WINDOW_NS, TERM, INDEX, DURABLE, RESERVE, AT_ONCE,
    LAST_ORDER_ID, LAST_SEQ, FILLS_TOTAL, OUT_BYTES, JOURNAL_BYTES, TOTAL, REFUSED,
) = range(21)  # fmt: skip
BOX_WORDS = 32

STAMP, WRITE = 1, 2  # bits of MODE: give seq and order ids; make journal frames
DONE_ALL, NEEDS_ROOM, HAS_OPERATION, PAUSED = range(4)  # STATUS

# One request: eight words.
SOURCE, COMMANDS, CLIENT, REQUEST, TAG, ANSWER_AT, ANSWER_END, PARTY_END = range(8)
REQUEST_WORDS = 8
WIRE_HEAD, ANSWER_HEAD, FRAME_HEAD = 13, 36, 24

NEW, PHASE = int(Kind.NEW), int(Kind.PHASE)
FIRST_OPERATION, LAST_OPERATION, SETTLE_PHASE = int(min(OperatorKind)), int(max(OperatorKind)), int(SETTLE)
REJECTED, TRADE, PHASE_EVENT = int(EventKind.REJECTED), int(EventKind.TRADE), int(EventKind.PHASE)
BASE_REASON, ANSWER_KIND, BATCH_KIND, ENTRY_HEAD = int(RISK_BASE), int(Frame.ANSWER), BATCH, HEADER.size
FRAME_MAGIC_WORD = 0x544E45AB  # b"\xabENT"
FILL_WORDS, RING = 7, 16_384


@inlined
def state_at(a):
    """The core's arrays."""
    return layout.State(
        array_at(a[STATE], a[STATE + 1], layout.CONTROL), array_at(a[STATE + 2], a[STATE + 3], layout.SYMBOL),
        array_at(a[STATE + 4], a[STATE + 5], layout.BOOK), array_at(a[STATE + 6], a[STATE + 7], layout.LEVEL),
        array_at(a[STATE + 8], a[STATE + 9], np.int32), array_at(a[STATE + 10], a[STATE + 11], np.uint64),
        array_at(a[STATE + 12], a[STATE + 13], layout.ORDER), array_at(a[STATE + 14], a[STATE + 15], np.int32),
    )  # fmt: skip


@inlined
def desk_at(a):
    """The desk's arrays."""
    return Desk(
        array_at(a[DESK], a[DESK + 1], ledger.CONTROL), array_at(a[DESK + 2], a[DESK + 3], ledger.ACCOUNT),
        array_at(a[DESK + 4], a[DESK + 5], ledger.POSITION), array_at(a[DESK + 6], a[DESK + 7], ledger.SYMBOL),
        array_at(a[DESK + 8], a[DESK + 9], ledger.TERMS), array_at(a[DESK + 10], a[DESK + 11], ledger.OWN),
        array_at(a[DESK + 12], a[DESK + 13], np.int32), array_at(a[DESK + 14], a[DESK + 15], np.int64),
    )  # fmt: skip


@inlined
def take_in(box, requests, stamped, as_bytes, work):
    """Copy the commands of all requests, stamp them when asked to; returns how many, or -1 when one is the shard's own."""
    total, operations = 0, 0
    seq, order_id, base = box[NEXT_SEQ], box[NEXT_ORDER_ID], box[DAY_BASE]
    stamping = box[MODE] & STAMP != 0
    last_id = box[LAST_ORDER_ID]
    for r in range(box[COUNT]):
        count = requests[r * REQUEST_WORDS + COMMANDS]
        source = array_at(requests[r * REQUEST_WORDS + SOURCE], count * 40, np.uint8)
        to = total * 40
        for i in range(count * 40):
            as_bytes[to + i] = source[i]
        for i in range(total, total + count):
            at = 5 * i
            codes = np.uint64(stamped[at + 4]) >> np.uint64(32)
            kind = np.int64(codes & np.uint64(0xFF))
            if stamping:
                stamped[at] = seq
                seq += 1
                if kind == NEW:
                    stamped[at + 1] = order_id
                    order_id += 1
            if kind == NEW:
                last_id = max(last_id, stamped[at + 1])
            if FIRST_OPERATION <= kind <= LAST_OPERATION or (kind == PHASE and stamped[at + 2] == SETTLE_PHASE):
                operations += 1
            for word in range(5):
                work[at + word] = stamped[at + word]
            work[at + 1] -= base
        total += count
    box[NEXT_SEQ], box[NEXT_ORDER_ID], box[TOTAL] = seq, order_id, total
    if operations:
        return -1
    box[LAST_ORDER_ID] = last_id
    if total:
        box[LAST_SEQ] = max(box[LAST_SEQ], stamped[5 * (total - 1)])
    return total


@inlined
def put_heads(box, out, at, end, tag, first_seq, position, commands, events, rejects):
    """The wire's head at `at` and the answer's behind it; the answer ends before `end`."""
    answer = at + WIRE_HEAD
    put_u32(out, at, end - answer + 9)
    out[at + 4] = ANSWER_KIND
    put_u64(out, at + 5, tag)
    put_u64(out, answer, first_seq)
    put_u64(out, answer + 8, box[TERM])
    put_u64(out, answer + 16, box[INDEX] + position)
    put_u32(out, answer + 24, commands)
    put_u32(out, answer + 28, events)
    put_u32(out, answer + 32, rejects)


@inlined
def keep_fill(box, fills, events, word, owners):
    """The trade whose first word is `word` goes into the ring of the day's last trades."""
    to = FILL_WORDS * (box[FILLS_TOTAL] % RING)
    for i in range(6):
        fills[to + i] = events[word + i]
    fills[to + 6] = owners
    box[FILLS_TOTAL] += 1


@inlined
def write_answers(box, requests, stamped, events, parties, out, party_out, rejects, fills, count):
    """Answers of all requests in wire frames, and the parties of their events; `count` events were written."""
    base = box[DAY_BASE]
    out_at, event, command, party = 0, 0, 0, 0
    for r in range(box[COUNT]):
        which = r * REQUEST_WORDS
        commands = requests[which + COMMANDS]
        answer = out_at + WIRE_HEAD
        at = answer + ANSWER_HEAD
        for i in range(command, command + commands):
            put_u64(out, at, stamped[5 * i + 1])
            at += 8
        last_seq = stamped[5 * (command + commands - 1)]
        refused, told_events = 0, 0
        while event < count and events[6 * event] <= last_seq:
            word = 6 * event
            tail = np.uint64(events[word + 5])
            kind, reason = (
                np.int64((tail >> np.uint64(32)) & np.uint64(0xFF)),
                np.int64((tail >> np.uint64(40)) & np.uint64(0xFF)),
            )
            if base != 0 and kind != PHASE_EVENT:
                events[word + 1] += base
            if base != 0 and events[word + 2] != 0:
                events[word + 2] += base
            if kind == REJECTED and reason >= BASE_REASON:
                to = 4 * refused
                rejects[to], rejects[to + 1] = events[word], events[word + 1]
                account = np.uint64(parties[event]) << np.uint64(32)
                rejects[to + 2] = np.int64((tail & np.uint64(0xFFFFFFFF)) | account)
                rejects[to + 3] = reason - BASE_REASON
                refused += 1
            else:
                for i in range(6):
                    put_u64(out, at + 8 * i, events[word + i])
                at += 48
                party_out[party] = parties[event]
                party += 1
                told_events += 1
                if kind == TRADE:
                    keep_fill(box, fills, events, word, parties[event])
            event += 1
        for i in range(4 * refused):
            put_u64(out, at, rejects[i])
            at += 8
        put_heads(box, out, out_at, at, requests[which + TAG], stamped[5 * command], r, commands, told_events, refused)
        requests[which + ANSWER_AT], requests[which + ANSWER_END], requests[which + PARTY_END] = answer, at, party
        out_at = at
        command += commands
        box[REFUSED] += refused
    box[OUT_BYTES] = out_at


@inlined
def write_frames(box, requests, stamped, as_bytes, journal, tables):
    """The journal's frames of all requests, one behind the other."""
    at, command = 0, 0
    order_id = box[DONE]  # next_order_id before the first command
    for r in range(box[COUNT]):
        which = r * REQUEST_WORDS
        commands = requests[which + COMMANDS]
        length = ENTRY_HEAD + 40 * commands
        for i in range(command, command + commands):
            if np.int64((np.uint64(stamped[5 * i + 4]) >> np.uint64(32)) & np.uint64(0xFF)) == NEW:
                order_id += 1
        payload = at + FRAME_HEAD
        put_u64(journal, payload, box[TERM])
        put_u64(journal, payload + 8, box[INDEX] + r)
        put_u64(journal, payload + 16, box[NOW_NS])
        put_u64(journal, payload + 24, requests[which + CLIENT])
        put_u64(journal, payload + 32, requests[which + REQUEST])
        put_u64(journal, payload + 40, stamped[5 * (command + commands - 1)] + 1)
        put_u64(journal, payload + 48, order_id)
        put_u32(journal, payload + 56, commands)
        put_u32(journal, payload + 60, BATCH_KIND)
        to, source = payload + ENTRY_HEAD, 40 * command
        for i in range(40 * commands):
            journal[to + i] = as_bytes[source + i]
        # The checksum covers length and durable, then the payload: they are put side by side for it first.
        put_u32(journal, payload - 12, length)
        put_u64(journal, payload - 8, box[DURABLE])
        value = checksum(tables, np.uint64(0xFFFFFFFF), journal, payload - 12, payload + length)
        put_u32(journal, at, FRAME_MAGIC_WORD)
        put_u32(journal, at + 4, length)
        put_u32(journal, at + 8, np.int64(value) ^ 0xFFFFFFFF)
        put_u32(journal, at + 12, 0)
        at = payload + length
        command += commands
    box[JOURNAL_BYTES] = at


@entry
def run(addresses):
    """Carry out the requests in the table; see the constants above for what goes in and comes out."""
    a = addresses
    box = array_at(a[BOX], a[BOX + 1], np.int64)
    requests = array_at(a[REQUESTS], a[REQUESTS + 1], np.int64)
    stamped, work = array_at(a[STAMPED], a[STAMPED + 1], np.int64), array_at(a[WORK], a[WORK + 1], np.int64)
    as_bytes = array_at(a[STAMPED], a[STAMPED + 1] * 8, np.uint8)
    events = array_at(a[EVENTS], a[EVENTS + 1], np.int64)
    state, desk = state_at(a), desk_at(a)
    control = state.control[0]
    if control.pages_left <= 0 or control.live + box[AT_ONCE] + box[RESERVE] > len(events) // 6:
        box[STATUS] = NEEDS_ROOM
        return
    room = min(len(events) // 6 - box[RESERVE], control.live + box[AT_ONCE])
    box[DONE] = box[NEXT_ORDER_ID]
    total = take_in(box, requests, stamped, as_bytes, work)
    if box[MODE] & WRITE:
        journal, tables = array_at(a[JOURNAL], a[JOURNAL + 1], np.uint8), array_at(a[TABLES], a[TABLES + 1], np.uint32)
        write_frames(box, requests, stamped, as_bytes, journal, tables)
    if total < 0:
        box[STATUS] = HAS_OPERATION
        return
    desk.control[0].window = box[NOW_NS] // box[WINDOW_NS] % np.int64(1 << 32)
    done = hot.run(state, work, 0, total, events, room, desk)
    if done < total:
        box[STATUS], box[DONE] = PAUSED, done
        return
    write_answers(
        box, requests, stamped, events, desk.parties, array_at(a[OUT], a[OUT + 1], np.uint8),
        array_at(a[PARTIES], a[PARTIES + 1], np.int64), array_at(a[REJECTS], a[REJECTS + 1], np.int64),
        array_at(a[FILLS], a[FILLS + 1], np.int64), np.int64(control.written),
    )  # fmt: skip
    box[STATUS] = DONE_ALL
