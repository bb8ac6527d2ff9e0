/* test_text.c - numbers, JSON, UTF-8, base64 and the bounded writer
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* beside: one thread, no clock */
/* no ledger: nothing is traced */
/* also: plain */
#include "test.h"

#include <math.h>

/* A locale with a decimal comma, wherever it runs. */
static bool test_comma;

static int test_snprintf(char *out, size_t size, const char *format, ...) {
    va_list arguments;
    int wrote;
    va_start(arguments, format);
    wrote = vsnprintf(out, size, format, arguments);
    va_end(arguments);
    for (char *at = out; test_comma && *at; at++)
        if (*at == '.') *at = ',';
    return wrote;
}

static double test_strtod(const char *text, char **end) {
    char copy[64];
    size_t i = 0;
    if (!test_comma) return strtod(text, end);
    for (; text[i] && i < sizeof copy - 1; i++) copy[i] = text[i] == ',' ? '.' : text[i] == '.' ? ' ' : text[i];
    copy[i] = '\0';
    return strtod(copy, NULL);
}

#undef snprintf              /* a macro on macOS */
#define snprintf test_snprintf
#define strtod test_strtod
#define TRACE_IMPLEMENTATION
#include "../trace.h"
#undef snprintf
#undef strtod

/* ---- a reference, written from the table of well-formed byte sequences (Unicode 15, table 3-7), slow and plain ---- */

static bool in(int byte, int low, int high) { return byte >= low && byte <= high; }

/* Length of the code point at the start, or 0. */
static size_t reference_step(const unsigned char *b, size_t n) {
    int b0 = n > 0 ? b[0] : -1, b1 = n > 1 ? b[1] : -1, b2 = n > 2 ? b[2] : -1, b3 = n > 3 ? b[3] : -1;
    if (in(b0, 0x00, 0x7f)) return 1;
    if (in(b0, 0xc2, 0xdf) && in(b1, 0x80, 0xbf)) return 2;
    if (b0 == 0xe0 && in(b1, 0xa0, 0xbf) && in(b2, 0x80, 0xbf)) return 3;
    if ((in(b0, 0xe1, 0xec) || in(b0, 0xee, 0xef)) && in(b1, 0x80, 0xbf) && in(b2, 0x80, 0xbf)) return 3;
    if (b0 == 0xed && in(b1, 0x80, 0x9f) && in(b2, 0x80, 0xbf)) return 3;
    if (b0 == 0xf0 && in(b1, 0x90, 0xbf) && in(b2, 0x80, 0xbf) && in(b3, 0x80, 0xbf)) return 4;
    if (in(b0, 0xf1, 0xf3) && in(b1, 0x80, 0xbf) && in(b2, 0x80, 0xbf) && in(b3, 0x80, 0xbf)) return 4;
    if (b0 == 0xf4 && in(b1, 0x80, 0x8f) && in(b2, 0x80, 0xbf) && in(b3, 0x80, 0xbf)) return 4;
    return 0;
}

/* A maximal part: the longest start of some well-formed sequence, else one byte. */
static size_t reference_bad(const unsigned char *b, size_t n) {
    static const unsigned char tails[] = {0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf};
    size_t best = 1;
    if (b[0] < 0xc2) return best;
    for (size_t keep = 2; keep <= 3 && keep <= n; keep++) {
        unsigned char whole[4];
        memcpy(whole, b, keep);
        for (unsigned i = 0; i < 36; i++) {
            whole[keep] = tails[i % 6];
            if (keep < 3) whole[3] = tails[i / 6];
            if (reference_step(whole, 4) > keep) best = keep;
        }
    }
    return best;
}

static size_t reference_repair(char *out, const char *text, size_t size) {
    const unsigned char *b = (const unsigned char *)text;
    size_t at = 0, wrote = 0;
    while (at < size) {
        size_t step = reference_step(b + at, size - at);
        if (step) {
            memcpy(out + wrote, text + at, step);
            wrote += step;
            at += step;
        } else {
            memcpy(out + wrote, "\xef\xbf\xbd", 3);
            wrote += 3;
            at += reference_bad(b + at, size - at);
        }
    }
    return wrote;
}

static size_t reference_escape(char *out, const char *text, size_t size) {
    static const char from[] = "\b\t\n\f\r\"\\", to[] = "btnfr\"\\";
    size_t wrote = 0;
    for (size_t i = 0; i < size; i++) {
        const char *found = text[i] ? strchr(from, text[i]) : NULL;
        if (found) {
            out[wrote++] = '\\';
            out[wrote++] = to[found - from];
        } else if ((unsigned char)text[i] < 0x20) {
            wrote += (size_t)sprintf(out + wrote, "\\u%04x", (unsigned char)text[i]);
        } else {
            out[wrote++] = text[i];
        }
    }
    return wrote;
}

#define GUARD 0x5a

/* One text through everything, against the reference; false at the first difference. */
static bool agrees(const char *text, size_t size) {
    char repaired[3 * 64], expected[6 * 3 * 64], got[6 * 64 + 8];
    size_t repaired_size = reference_repair(repaired, text, size), valid = 0, expected_size;
    size_t wrote;
    while (valid < size && reference_step((const unsigned char *)text + valid, size - valid))
        valid += reference_step((const unsigned char *)text + valid, size - valid);
    if (tracei_utf8_valid(text, size) != valid) return false;

    memset(got, GUARD, sizeof got);
    wrote = (size_t)(tracei_put_utf8(got, text, size) - got);
    if (wrote != repaired_size || memcmp(got, repaired, wrote) || got[wrote] != GUARD) return false;

    expected_size = reference_escape(expected, repaired, repaired_size);
    memset(got, GUARD, sizeof got);
    wrote = (size_t)(tracei_put_json(got, text, size) - got);
    if (wrote != expected_size || memcmp(got, expected, wrote) || got[wrote] != GUARD) return false;
    return tracei_json_size(text, size) == expected_size;
}

/* The same bytes at every place of a longer text, so that words, tails and what lies between are all used. */
static bool agrees_everywhere(const char *part, size_t size) {
    char text[32];
    if (!agrees(part, size)) return false;
    for (size_t before = 0; before < 10; before++)
        for (size_t after = 0; after < 10; after += 3) {
            memset(text, 'x', sizeof text);
            memcpy(text + before, part, size);
            if (!agrees(text, before + size + after)) return false;
        }
    return true;
}

TEST(utf8_and_json_of_every_1_and_2_byte_string) {
    for (unsigned i = 0; i < 0x10000; i++) {
        char part[2] = {(char)(i >> 8), (char)i};
        if (i < 256 && !CHECK(agrees_everywhere(part + 1, 1))) printf("%02x\n", i);
        if (!CHECK(agrees_everywhere(part, 2))) printf("%04x\n", i);
    }
    CHECK(agrees("", 0));
}

TEST(utf8_and_json_of_every_3_byte_string) {
#ifdef __SANITIZE_ADDRESS__
    const unsigned most = 0x200000;
#else
    const unsigned most = 0x1000000;
#endif
    const unsigned step = (unsigned)(0x1000000 / test_scaled(most)) | 1; /* odd: all low bytes come up */
    for (unsigned i = 0; i < 0x1000000; i += step) {
        char part[3] = {(char)(i >> 16), (char)(i >> 8), (char)i};
        bool ascii = !(i & 0x808080) && (i & 0xff) >= 0x20 && (i >> 16) >= 0x20;
        if (ascii && i % 16) continue;
        if (!agrees(part, 3)) {
            printf("%06x\n", i);
            CHECK(false);
        }
    }
}

TEST(utf8_and_json_of_4_byte_strings_at_the_borders) {
    static const unsigned char edge[] = {0x00, 0x1f, 0x20, 0x22, 0x5c, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2,
                                         0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
    const unsigned n = sizeof edge;
    for (unsigned i = 0; i < n * n * n * n; i++) {
        char part[4] = {(char)edge[i / (n * n * n)], (char)edge[i / (n * n) % n], (char)edge[i / n % n], (char)edge[i % n]};
        if (!(i % 37 ? agrees(part, 4) : agrees_everywhere(part, 4))) {
            printf("%02x %02x %02x %02x\n", (unsigned)part[0] & 255, (unsigned)part[1] & 255, (unsigned)part[2] & 255, (unsigned)part[3] & 255);
            CHECK(false);
        }
    }
}

TEST(utf8_and_json_of_random_strings) {
    static const char *const pieces[] = {"a", "\"", "\\", "\n", "\x01", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xff", "\xe2\x82",
                                         "plain text", "12345678", "\xed\xa0\x80", "\x7f"};
    for (int round = 0; round < 200000; round++) {
        char text[64];
        size_t size = 0;
        while (size < 50 && test_random_below(12)) {
            const char *piece = pieces[test_random_below(sizeof pieces / sizeof *pieces)];
            if (test_random_below(8) == 0) {
                text[size++] = (char)test_random();
                continue;
            }
            memcpy(text + size, piece, strlen(piece));
            size += strlen(piece);
        }
        REQUIRE(agrees(text, size));
    }
}

TEST(utf8_cut_splits_no_code_point) {
    const char *text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t limit = 0; limit < 13; limit++) CHECK_UINT(tracei_utf8_cut(text, 11, limit), expected[limit]);
    CHECK_UINT(tracei_utf8_cut("\x80\x80\x80\x80\x80\x80", 6, 4), 4);
    CHECK_UINT(tracei_utf8_cut("a\x80\x80", 3, 2), 2);
    CHECK_UINT(tracei_utf8_cut("\xc3\xa9\x80", 3, 2), 2);
    for (int round = 0; round < 100000; round++) {       /* repaired piece by piece it is the same text */
        char text2[24], whole[72], parts[72];
        size_t size = test_random_below(sizeof text2), cut, a, b;
        for (size_t i = 0; i < size; i++) text2[i] = (char)(test_random_below(3) ? 0x80 + test_random_below(0x80) : test_random());
        cut = tracei_utf8_cut(text2, size, test_random_below(sizeof text2));
        a = (size_t)(tracei_put_utf8(whole, text2, size) - whole);
        b = (size_t)(tracei_put_utf8(tracei_put_utf8(parts, text2, cut), text2 + cut, size - cut) - parts);
        REQUIRE(a == b && !memcmp(whole, parts, a));
    }
}

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

static bool u64_agrees(uint64_t value) {
    char expected[32], got[32];
    size_t size = (size_t)sprintf(expected, "%" PRIu64, value);
    memset(got, GUARD, sizeof got);
    return (size_t)(tracei_put_u64(got, value) - got) == size && !memcmp(got, expected, size) && got[size] == GUARD;
}

static bool i64_agrees(int64_t value) {
    char expected[32], got[32];
    size_t size = (size_t)sprintf(expected, "%" PRId64, value);
    memset(got, GUARD, sizeof got);
    return (size_t)(tracei_put_i64(got, value) - got) == size && !memcmp(got, expected, size) && got[size] == GUARD;
}

TEST(integers) {
    uint64_t power = 1;
    for (int digits = 0; digits < 20; digits++, power *= 10)
        for (int off = -2; off <= 2; off++) {
            CHECK(u64_agrees(power + (uint64_t)off));
            CHECK(i64_agrees((int64_t)(power + (uint64_t)off)));
            CHECK(i64_agrees((int64_t)(0 - power + (uint64_t)off)));
        }
    CHECK(u64_agrees(UINT64_MAX) && i64_agrees(INT64_MIN) && i64_agrees(INT64_MAX));
    for (uint64_t i = 0; i < 100000; i++) CHECK(u64_agrees(i));
    for (int i = 0; i < 300000; i++) {
        uint64_t value = test_random() >> test_random_below(64);
        REQUIRE(u64_agrees(value) && i64_agrees((int64_t)value) && i64_agrees(-(int64_t)(value >> 1)));
    }
}

static const char *number(double value) {
    static char text[40];
    char *end;
    memset(text, GUARD, sizeof text);
    end = tracei_put_number(text, value);
    if (end - text > 32) return "too long";
    *end = '\0';
    return text;
}

/* RFC 8259, 6. */
static bool is_json_number(const char *t) {
    if (*t == '-') t++;
    if (*t == '0') t++;
    else if (*t >= '1' && *t <= '9') while (*t >= '0' && *t <= '9') t++;
    else return false;
    if (*t == '.') {
        if (!(*++t >= '0' && *t <= '9')) return false;
        while (*t >= '0' && *t <= '9') t++;
    }
    if (*t == 'e' || *t == 'E') {
        t++;
        if (*t == '+' || *t == '-') t++;
        if (!(*t >= '0' && *t <= '9')) return false;
        while (*t >= '0' && *t <= '9') t++;
    }
    return *t == '\0';
}

static bool number_round_trips(double value) {
    char expected[40];
    const char *text = number(value);
    double back = strtod(text, NULL);
    int precision = 15;
    if (memcmp(&back, &value, sizeof back) || !is_json_number(text)) return false;
    do sprintf(expected, "%.*g", precision, value);
    while (strtod(expected, NULL) != value && ++precision <= 17);
    return strlen(text) <= strlen(expected) + 4;     /* 0.00001 and integers up to 2^53 are written without an exponent */
}

TEST(doubles) {
    CHECK_STR(number(0.0), "0");
    CHECK_STR(number(-0.0), "-0.0");
    CHECK_STR(number(1.0), "1");
    CHECK_STR(number(-12.5), "-12.5");
    CHECK_STR(number(0.1), "0.1");
    CHECK_STR(number(0.05), "0.05");
    CHECK_STR(number(100.001), "100.001");
    CHECK_STR(number(0.000123), "0.000123");
    CHECK_STR(number(3.141592653589793), "3.141592653589793");
    CHECK_STR(number(0.1 + 0.2), "0.30000000000000004");
    CHECK_STR(number(1e22), "1e+22");
    CHECK_STR(number(9007199254740991.0), "9007199254740991");
    CHECK_STR(number(5e-324), "4.94065645841247e-324");
    CHECK_STR(number(1.7976931348623157e308), "1.7976931348623157e+308");
    CHECK_STR(number((double)NAN), "NaN");
    CHECK_STR(number(-(double)NAN), "NaN");
    CHECK_STR(number((double)INFINITY), "Infinity");
    CHECK_STR(number(-(double)INFINITY), "-Infinity");
    for (unsigned long i = 0; i < test_scaled(100000); i++) {
        uint64_t bits = test_random();
        double value, decimal = (double)(int64_t)(test_random() >> test_random_below(64)) / pow(10, (double)test_random_below(12));
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value)) REQUIRE(number_round_trips(value));
        REQUIRE(number_round_trips(decimal));
        REQUIRE(number_round_trips(-decimal));
    }
    const int step = 7 * ((int)(2000000 / test_scaled(2000000)) | 1);
    for (int i = 0; i < 2000000; i += step) { /* every number of up to five decimals comes out as it would be written */
        char expected[32];
        if (i % 10 == 0) continue;
        sprintf(expected, "%d.%05d", i / 100000, i % 100000);
        REQUIRE(strcmp(number(i / 1e5), expected) == 0);
    }
}

TEST(doubles_where_the_decimal_point_is_a_comma) {
    test_comma = true;
    CHECK_STR(number(0.1 + 0.2), "0.30000000000000004");
    CHECK_STR(number(-1.5e300), "-1.5e+300");
    CHECK_STR(number(2.5), "2.5");
    test_comma = false;
}

TEST(hex_and_base64) {
    static const char *const expected[] = {"", "AA==", "AAE=", "AAEC", "AAECAw==", "AAECAwQ=", "AAECAwQF"};
    uint8_t bytes[256];
    char text[520];
    for (int i = 0; i < 256; i++) bytes[i] = (uint8_t)i;
    for (size_t n = 0; n < 7; n++) {
        *tracei_put_base64(text, bytes, n) = '\0';
        CHECK_STR(text, expected[n]);
    }
    bytes[0] = 0xfb, bytes[1] = 0xff, bytes[2] = 0xfe;
    *tracei_put_base64(text, bytes, 3) = '\0';
    CHECK_STR(text, "+//+");
    for (int i = 0; i < 256; i++) bytes[i] = (uint8_t)i;
    *tracei_put_hex(text, bytes, 256) = '\0';
    for (int i = 0; i < 256; i++) {
        char two[3];
        sprintf(two, "%02x", i);
        CHECK(!memcmp(two, text + 2 * i, 2));
    }
}

/* ---- the bounded writer ----------------------------------------------------------------------------------------- */

TEST(bounded_writer_keeps_what_fits) {
    const uint8_t id[3] = {0xab, 0xcd, 0xef};
    const char *whole = "n=-7 42 1.5 abcdef \\\"\xef\xbf\xbd\\n\xe2\x82\xac\xef\xbf\xbd.";
    const size_t size = strlen(whole);
    for (size_t capacity = 0; capacity <= size + 3; capacity++) {
        char data[80];
        tracei_text text;
        memset(data, GUARD, sizeof data);
        text.data = data;
        text.size = 0;
        text.capacity = capacity;
        text.full = false;
        tracei_text_cstr(&text, "n=");
        tracei_text_i64(&text, -7);
        tracei_text_char(&text, ' ');
        tracei_text_u64(&text, 42);
        tracei_text_add(&text, " ", 1);
        tracei_text_double(&text, 1.5);
        tracei_text_char(&text, ' ');
        tracei_text_hex(&text, id, 3);
        tracei_text_char(&text, ' ');
        tracei_text_json(&text, "\"\xff\n", 3);
        tracei_text_utf8(&text, "\xe2\x82\xac\xc3", 4);
        tracei_text_char(&text, '.');
        CHECK(text.full == (capacity < size));
        CHECK(text.size <= capacity && text.size <= size && data[capacity] == GUARD && !memcmp(data, whole, text.size));
        CHECK_UINT(tracei_utf8_valid(data, text.size), text.size);
        if (capacity >= size) CHECK_UINT(text.size, size);
        if (text.full) {
            size_t before = text.size;
            tracei_text_cstr(&text, "x");
            tracei_text_u64(&text, 1);
            CHECK_UINT(text.size, before);
        }
    }
}

TEST_MAIN()
