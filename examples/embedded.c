/* Tracing without threads, without an operating system, in 32 KB of static memory: the library's tables and a block of 14 KB.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   TRACE_CONFIG_SINGLE_THREADED leaves out threads, signals, fork and files, and takes its memory from a static block. What
   remains to be given are three callbacks: a clock, random bytes, and where text goes (two functions here: spans and the
   library's own messages). Nothing runs by itself: the main loop calls trace_pump().

   The board here is a stand-in that needs only standard C: bytes come from a recorded serial line, and its timer moves by what a
   byte takes at 115,200 baud, so every run prints the same. The program decodes Modbus RTU frames and answers them.

       cc -Os examples/embedded.c -o embedded && ./embedded */
#define TRACE_IMPLEMENTATION
#define TRACE_CONFIG_SINGLE_THREADED 1
#define TRACE_CONFIG_STATIC_BYTES 14336
#include "../trace.h"
#include <stdio.h>

/* ---- the board ---- */

static uint64_t board_timer_ns;

static uint64_t board_monotonic(void *user) {
    (void)user;
    return board_timer_ns;
}

static uint64_t board_unix(void *user) {
    (void)user;
    return 1767225600000000000u + board_timer_ns;            /* a real-time clock, set to 2026-01-01 */
}

static void board_random(void *user, void *bytes, size_t size) {
    static uint32_t noise = 0x2545F491u;                     /* a board has an ADC's lowest bit, a serial number, a TRNG */
    (void)user;
    for (size_t i = 0; i < size; i++) {
        noise = noise * 1664525u + 1013904223u;
        ((uint8_t *)bytes)[i] = (uint8_t)(noise >> 24);
    }
}

static void board_write(void *user, const char *text, size_t size) {
    (void)user;
    fwrite(text, 1, size, stdout);                           /* the debug port */
}

static void board_log(void *user, trace_log_level level, const char *message) {
    (void)user, (void)level;
    printf("%s\n", message);
}

/* Two requests to read registers, one of which was damaged on its way, and one to write a register. */
static const uint8_t board_line[] = {
    0x11, 0x03, 0x00, 0x02, 0x00, 0x03, 0xA6, 0x9B,          /* device 17: read 3 registers from 2 */
    0x11, 0x03, 0x00, 0x02, 0x40, 0x03, 0xA6, 0x9B,          /* the same with a bit flipped */
    0x11, 0x06, 0x00, 0x01, 0x00, 0x03, 0x9A, 0x9B,          /* device 17: write 3 to register 1 */
};

static uint8_t board_receive(size_t position) {
    board_timer_ns += 86806;                                 /* ten bits */
    return board_line[position];
}

static void board_send(size_t count) {
    board_timer_ns += 86806 * (uint64_t)count;
}

/* ---- the program ---- */

#define FRAME_SIZE 8

static uint16_t registers[16] = {0, 10, 20, 30, 40};

static uint16_t crc16(const uint8_t *bytes, size_t count) {
    uint16_t crc = 0xFFFF;
    for (size_t i = 0; i < count; i++) {
        crc = (uint16_t)(crc ^ bytes[i]);
        for (int bit = 0; bit < 8; bit++) crc = (uint16_t)(crc & 1 ? crc >> 1 ^ 0xA001 : crc >> 1);
    }
    return crc;
}

static void answer(const uint8_t *frame) {
    TRACE_SPAN("answer") {
        const unsigned from = (unsigned)frame[2] << 8 | frame[3], value = (unsigned)frame[4] << 8 | frame[5];
        size_t size = FRAME_SIZE;
        trace_set("modbus.register", from);
        if (frame[1] == 0x03 && from + value <= 16) {
            size = 5 + 2 * value;
        } else if (frame[1] == 0x06 && from < 16) {
            registers[from] = (uint16_t)value;
        } else {
            size = 5;
            trace_error("IllegalAddress", "no such function or register");
        }
        board_send(size);
    }
}

static void handle_frame(size_t position) {
    TRACE_SPAN("frame") {
        uint8_t frame[FRAME_SIZE];
        TRACE_SPAN("receive") {
            for (size_t i = 0; i < FRAME_SIZE; i++) frame[i] = board_receive(position + i);
        }
        trace_set("modbus.device", frame[0]);
        trace_set("modbus.function", frame[1]);
        if (crc16(frame, FRAME_SIZE) != 0) trace_error("ChecksumMismatch", "the frame was damaged");
        else answer(frame);
    }
}

int main(void) {
    const trace_console_options lines = {.format = TRACE_CONSOLE_FORMAT_LINE, .write_fn = board_write};
    trace_config config = {
        .service_name = "modbus-slave",
        .exporters = {trace_console_exporter(&lines)},
        .ring_bytes = 4096,
        .max_open_spans = 16,
        .max_pool_bytes = 4096,
        .max_trace_bytes = 65536,
        .disable_thread = true,
        .disable_exit = true,
        .disable_environment = true,
        .clock = {board_monotonic, board_unix, NULL},
        .random = {board_random, NULL},
        .logger = {board_log, NULL},
    };
    const trace_result result = trace_init(&config);
    if (result != TRACE_RESULT_OK) {
        printf("cannot trace: %s\n", trace_result_string(result));
        return 1;
    }
    for (size_t position = 0; position + FRAME_SIZE <= sizeof board_line; position += FRAME_SIZE) {
        handle_frame(position);
        trace_pump(1000);         /* nothing else to do until the next frame */
    }
    trace_stats stats;
    trace_shutdown(0);
    trace_get_stats(&stats);
    printf("%llu spans, %llu bytes of memory\n", (unsigned long long)stats.exported, (unsigned long long)stats.bytes_mapped);
    return 0;
}
