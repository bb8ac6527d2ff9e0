/* test_resource.c - what the process says of itself, where it comes from, and what a forked child changes
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* not: windows: no fork */
#include "test.h"

static const char *refused;       /* which system calls fail: "" all, NULL none */
static bool refuse_call(const char *what) { return refused && strncmp(what, refused, strlen(refused)) == 0 && strcmp(what, "memory") != 0; }
#define TRACEI_FAIL(what) refuse_call(what)
#define TRACE_IMPLEMENTATION
#include "../trace.h"
#include "settled.h"

#include <sys/utsname.h>
#include <time.h>

static char logged[8192];

static void keep_log(void *user, trace_log_level level, const char *message) {
    const size_t used = strlen(logged);
    (void)user, (void)level;
    snprintf(logged + used, sizeof logged - used, "%s\n", message);
}

extern char **environ;

static void with(char **entries) {
    static char *none[1] = {NULL};
    char **const before = environ;
    environ = entries ? entries : none;
    logged[0] = '\0';
    tracei_logger.log_fn = keep_log;
    tracei_log_level_now = TRACE_LOG_LEVEL_DEBUG;
    tracei_environment_snapshot();
    environ = before;
}

static trace_config empty_config(void) {
    trace_config config;
    memset(&config, 0, sizeof config);
    return config;
}

static bool build(void) {
    const trace_config config = empty_config();
    return tracei_resource_build(&config);
}

/* The only value of that key. */
static const trace_value *find(const char *key) {
    const trace_value *found = NULL;
    for (size_t i = 0; i < tracei_resource.attribute_count; i++) {
        const trace_attribute *const a = &tracei_resource.attributes[i];
        CHECK(a->key.size > 0);
        if (a->key.size != strlen(key) || memcmp(a->key.data, key, a->key.size) != 0) continue;
        CHECK(found == NULL);
        found = &a->value;
    }
    return found;
}

/* The text of that key; "" when there is none. */
static const char *text_of(const char *key) {
    static char texts[8][2048];
    static int next;
    const trace_value *const value = find(key);
    char *const text = texts[next++ % 8];
    text[0] = '\0';
    if (!value) return text;
    if (value->type == TRACE_TYPE_STRING) snprintf(text, sizeof texts[0], "%.*s", (int)value->as.string.size, value->as.string.data);
    if (value->type == TRACE_TYPE_INT) snprintf(text, sizeof texts[0], "%lld", (long long)value->as.integer);
    return text;
}

/* ---- detected ------------------------------------------------------------------------------------------------------- */

static bool is_uuid_4(const char *text) {
    static const char shape[] = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
    for (size_t i = 0; i < sizeof shape; i++) {
        if (shape[i] == 'x' && !((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f'))) return false;
        if (shape[i] == 'y' && (text[i] == '\0' || !strchr("89ab", text[i]))) return false;
        if (shape[i] != 'x' && shape[i] != 'y' && text[i] != shape[i]) return false;
    }
    return true;
}

TEST(what_every_resource_must_have) {
    with(NULL);
    REQUIRE(build());
    CHECK_STR(text_of("service.name"), "unknown_service:test_resource");
    CHECK_STR(text_of("telemetry.sdk.name"), "trace.h");
    CHECK_STR(text_of("telemetry.sdk.language"), "c");
    CHECK_STR(text_of("telemetry.sdk.version"), TRACE_H_VERSION_STRING);
    CHECK(is_uuid_4(text_of("service.instance.id")));
    CHECK(find("service.version") == NULL);
    CHECK(find("deployment.environment.name") == NULL);
    CHECK_TEXT(tracei_resource.schema_url.data, tracei_resource.schema_url.size, "https://opentelemetry.io/schemas/1.44.0");
    CHECK_STR(logged, "");
}

TEST(the_process_is_this_one) {
#ifdef __linux__
    char path[1024] = "";
#endif
    with(NULL);
    REQUIRE(build());
    CHECK_INT(find("process.pid")->type, TRACE_TYPE_INT);
    CHECK_INT(find("process.pid")->as.integer, getpid());
#ifdef __linux__
    CHECK(readlink("/proc/self/exe", path, sizeof path - 1) > 0);
    CHECK_STR(text_of("process.executable.path"), path);
    CHECK_STR(text_of("process.executable.name"), strrchr(path, '/') + 1);
    {
        char *const line = test_read_file("/proc/self/cmdline", NULL);
        CHECK_STR(text_of("process.command"), line);
        free(line);
    }
#endif
}

#ifdef __linux__
static int64_t days_of(int64_t y, int64_t m, int64_t d) {
    const int64_t a = y - (m <= 2);
    return 365 * a + a / 4 - a / 100 + a / 400 + (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 719469;
}

static double seconds_of(const char *text) {
    int y, mo, d, h, mi;
    double s;
    if (strlen(text) != 24 || text[23] != 'Z' || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%6lf", &y, &mo, &d, &h, &mi, &s) != 6) return -1;
    return (double)(days_of(y, mo, d) * 86400 + h * 3600 + mi * 60) + s;
}

static double wall_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

TEST(the_creation_time_is_when_the_process_began) {
    with(NULL);
    REQUIRE(build());
    CHECK(seconds_of(text_of("process.creation.time")) <= wall_now() + 0.05);
    CHECK(seconds_of(text_of("process.creation.time")) >= wall_now() - 600);
}

TEST(host_and_system) {
    struct utsname system;
    char *id = test_read_file("/etc/machine-id", NULL);
    with(NULL);
    REQUIRE(build());
    uname(&system);
    CHECK_STR(text_of("host.name"), system.nodename);
    CHECK_STR(text_of("os.type"), "linux");
    CHECK(find("os.name") != NULL);
    CHECK(find("os.version") != NULL);
    if (id) id[strcspn(id, "\n")] = '\0';
    if (id && *id) CHECK_STR(text_of("host.id"), id);
    if (strcmp(system.machine, "x86_64") == 0) CHECK_STR(text_of("host.arch"), "amd64");
    if (strcmp(system.machine, "aarch64") == 0) CHECK_STR(text_of("host.arch"), "arm64");
    free(id);
}
#endif

TEST(nothing_that_tells_on_a_person_is_collected) {
    static char user[] = "USER=canary-user", home[] = "HOME=/home/canary", secret[] = "OTEL_EXPORTER_OTLP_HEADERS=key=canary-key";
    static char *entries[] = {user, home, secret, NULL};
    static const char *const never[] = {"process.owner", "process.command_args", "process.command_line", "process.working_directory",
                                        "host.ip", "host.mac"};
    with(entries);
    REQUIRE(build());
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) CHECK(find(never[i]) == NULL);
    for (size_t i = 0; i < tracei_resource.attribute_count; i++) {
        const trace_value *const value = &tracei_resource.attributes[i].value;
        if (value->type == TRACE_TYPE_STRING) CHECK(memmem(value->as.string.data, value->as.string.size, "canary", 6) == NULL);
    }
}

TEST(a_system_that_refuses_everything) {
    static const char *const calls[] = {"", "open", "uname", "readlink", "random"};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        with(NULL);
        memset(&tracei_self, 0, sizeof tracei_self);
        refused = calls[i];
        CHECK(build());
        refused = NULL;
        CHECK(is_uuid_4(text_of("service.instance.id")));
        CHECK_INT(find("process.pid")->as.integer, getpid());
        CHECK_STR(text_of("service.name"), "unknown_service:test_resource");       /* from the kernel's own note of the program */
        CHECK_INT(find("host.name") == NULL, *calls[i] == '\0' || *calls[i] == 'u');
        CHECK_INT(find("process.creation.time") == NULL, *calls[i] == '\0' || *calls[i] == 'o');
    }
    memset(&tracei_self, 0, sizeof tracei_self);
}

TEST(no_descriptor_is_left_open) {
    const int before = dup(0);
    int after;
    close(before);
    with(NULL);
    memset(&tracei_self, 0, sizeof tracei_self);
    CHECK(build());
    after = dup(0);
    close(after);
    CHECK_INT(after, before);
}

TEST(instance_ids_differ) {
    char a[37], b[37];
    for (int i = 0; i < 1000; i++) {
        tracei_make_instance(a);
        tracei_make_instance(b);
        CHECK(is_uuid_4(a));
        CHECK(strcmp(a, b) != 0);
    }
}

TEST(release_files) {
    static const char text[] = "# NAME=comment\nPRETTY_NAME=\"A \\\"quoted\\\" \\$name\\\\\"\nNAME='single \\n'\nNAME=second\nVERSION_ID=12\nBUILD_ID=\n"
                               "LONG=0123456789\nBROKEN=\"no end\nLAST=x";
    static const struct { const char *key, *expected; } rows[] = {
        {"PRETTY_NAME", "A \"quoted\" $name\\"}, {"NAME", "single \\n"}, {"VERSION_ID", "12"}, {"BUILD_ID", "kept"}, {"VERSION", "kept"},
        {"LONG", &"012345678901234567890123456789"[20]}, {"BROKEN", "no end"}, {"LAST", "x"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char value[64] = "kept";
        tracei_release_value(text, rows[i].key, value, sizeof value);
        CHECK_STR(value, rows[i].expected);
    }
    {
        char small[5] = "";
        tracei_release_value("NAME=abc\xc3\xa9", "NAME", small, sizeof small);      /* never half a character */
        CHECK_STR(small, "abc");
        tracei_release_value("NAME=abcd", "NAME", small, sizeof small);
        CHECK_STR(small, "abcd");
    }
}

/* Each line has its place. */
TEST(a_release_file_fills_four_fields) {
    tracei_detected self;
    char path[] = "/tmp/trace_release_XXXXXX";
    static const char text[] = "NAME=Name\nVERSION_ID=1.2\nPRETTY_NAME=\"Name 1.2\"\nBUILD_ID=b3\n";
    const int file = mkstemp(path);
    REQUIRE(file >= 0);
    CHECK_INT(write(file, text, sizeof text - 1), sizeof text - 1);
    close(file);
    memset(&self, 0, sizeof self);
    tracei_detect_release(&self, path);
    unlink(path);
    CHECK_STR(self.os_name, "Name");
    CHECK_STR(self.os_version, "1.2");
    CHECK_STR(self.os_description, "Name 1.2");
    CHECK_STR(self.os_build, "b3");
}

TEST(times_are_iso_8601) {
    static const struct { uint64_t ns; const char *text; } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"}, {UINT64_C(951782400000000000), "2000-02-29T00:00:00.000Z"},
        {UINT64_C(4107542399999999999), "2100-02-28T23:59:59.999Z"}, {UINT64_C(4107542400000000000), "2100-03-01T00:00:00.000Z"},
        {UINT64_C(1798761599001000000), "2026-12-31T23:59:59.001Z"},
    };
    char text[TRACEI_TIME_SIZE + 1], expected[32];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tracei_put_time(text, rows[i].ns);
        CHECK_STR(text, rows[i].text);
    }
    for (int i = 0; i < 20000; i++) {
        const uint64_t seconds = test_random_below(UINT64_C(16725225600));
        const time_t at = (time_t)seconds;
        struct tm tm;
        gmtime_r(&at, &tm);
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S.000Z", &tm);
        tracei_put_time(text, seconds * 1000000000);
        CHECK_STR(text, expected);
    }
}

/* ---- precedence ------------------------------------------------------------------------------------------------------- */

TEST(the_strongest_source_names_the_service) {
    static char sources[5][64] = {"AI_INFRA_SERVICE_NAME=0", "TRACER_SERVICE_NAME=1", "OTEL_RESOURCE_ATTRIBUTES=a=b,service.name=2,c=d",
                                  "OTEL_SERVICE_NAME=3", ""};
    for (unsigned mask = 0; mask < 64; mask++) {
        trace_config config = empty_config();
        const trace_attribute given = TRACE_ATTR_STRING("service.name", "4");
        char *entries[8], expected[2] = "";
        size_t count = 0;
        for (unsigned i = 0; i < 6; i++) {
            if (!(mask >> i & 1)) continue;
            expected[0] = (char)('0' + i);
            if (i < 4) entries[count++] = sources[i];
        }
        entries[count] = NULL;
        with(entries);
        if (mask & 16) config.resource_attributes = &given, config.resource_attribute_count = 1;
        if (mask & 32) config.service_name = "5";
        REQUIRE(tracei_resource_build(&config));
        CHECK_STR(text_of("service.name"), mask ? expected : "unknown_service:test_resource");
    }
}

TEST(an_empty_name_is_none) {
    static char a[] = "OTEL_SERVICE_NAME=", b[] = "OTEL_RESOURCE_ATTRIBUTES=service.name=,empty=";
    static char *entries[] = {a, b, NULL};
    trace_config config = empty_config();
    config.service_name = "";
    with(entries);
    REQUIRE(tracei_resource_build(&config));
    CHECK_STR(text_of("service.name"), "unknown_service:test_resource");
    REQUIRE(find("empty") != NULL);
    CHECK_UINT(find("empty")->as.string.size, 0);
}

TEST(version_and_environment) {
    static char a[] = "TRACER_SERVICE_VERSION=1", b[] = "AI_INFRA_SERVICE_VERSION=2", c[] = "AI_INFRA_ENVIRONMENT=test",
                d[] = "OTEL_RESOURCE_ATTRIBUTES=service.version=3,deployment.environment.name=prod";
    static char *aliases[] = {b, a, c, NULL}, *otel[] = {a, b, c, d, NULL};
    trace_config config = empty_config();
    with(aliases);
    REQUIRE(build());
    CHECK_STR(text_of("service.version"), "1");
    CHECK_STR(text_of("deployment.environment.name"), "test");
    with(otel);
    REQUIRE(build());
    CHECK_STR(text_of("service.version"), "3");
    CHECK_STR(text_of("deployment.environment.name"), "prod");
    config.service_version = "4";
    config.environment = "lab";
    REQUIRE(tracei_resource_build(&config));
    CHECK_STR(text_of("service.version"), "4");
    CHECK_STR(text_of("deployment.environment.name"), "lab");
}

TEST(given_attributes_win_and_keys_are_unique) {
    static char a[] = "OTEL_RESOURCE_ATTRIBUTES=x=env,y=env,y=env2,host.name=env%20host,caf%C3%A9=%2C";
    static char *entries[] = {a, NULL};
    const trace_attribute given[] = {TRACE_ATTR_STRING("x", "one"), TRACE_ATTR_INT("x", 2), TRACE_ATTR_BOOL("process.pid", true)};
    trace_config config = empty_config();
    config.resource_attributes = given;
    config.resource_attribute_count = 3;
    with(entries);
    REQUIRE(tracei_resource_build(&config));
    CHECK_STR(text_of("x"), "2");
    CHECK_STR(text_of("y"), "env2");
    CHECK_STR(text_of("host.name"), "env host");
    CHECK_STR(text_of("caf\xc3\xa9"), ",");
    CHECK_INT(find("process.pid")->type, TRACE_TYPE_BOOL);
    for (size_t i = 0; i < tracei_resource.attribute_count; i++) {
        char key[64];
        snprintf(key, sizeof key, "%.*s", (int)tracei_resource.attributes[i].key.size, tracei_resource.attributes[i].key.data);
        CHECK(find(key) == &tracei_resource.attributes[i].value);
    }
}

TEST(a_bad_list_is_discarded_as_a_whole) {
    static char a[] = "OTEL_RESOURCE_ATTRIBUTES=service.name=listed,x=1,broken", b[] = "TRACER_SERVICE_NAME=alias";
    static char *entries[] = {a, b, NULL};
    with(entries);
    REQUIRE(build());
    CHECK_STR(text_of("service.name"), "alias");
    CHECK(find("x") == NULL);
    CHECK_STR(logged, "OTEL_RESOURCE_ATTRIBUTES ignored as a whole: item 3 has no \"=\"; must be key=value,key=value, percent-encoded\n");
}

TEST(attributes_without_a_key_are_reported) {
    const trace_attribute given[] = {TRACE_ATTR_STRING("ok", "1"), TRACE_ATTR_STRING("", "2"), TRACE_ATTR_STRING(NULL, "3")};
    trace_config config = empty_config();
    config.resource_attributes = given;
    config.resource_attribute_count = 3;
    with(NULL);
    REQUIRE(tracei_resource_build(&config));
    CHECK_STR(text_of("ok"), "1");
    CHECK_STR(logged, "trace_config.resource_attributes[1] ignored: it has no key\ntrace_config.resource_attributes[2] ignored: it has no key\n");
    config.resource_attributes = NULL;
    CHECK(tracei_resource_build(&config));
}

/* ---- memory ------------------------------------------------------------------------------------------------------------ */

TEST(values_of_every_type_are_copied) {
    char key[] = "list", text[] = "abc", bytes[] = {1, 0, 2};
    trace_value items[2], inner[3];
    trace_attribute given[6];
    trace_config config = empty_config();
    const trace_value *copy;
    memset(inner, 0, sizeof inner);
    inner[0].type = inner[1].type = TRACE_TYPE_STRING;
    inner[0].as.string = tracei_string(text);
    inner[1].as.string = tracei_string("");
    inner[2].type = TRACEI_TYPE_UINT;
    inner[2].as.integer = -1;
    memset(items, 0, sizeof items);
    items[0].type = TRACE_TYPE_ARRAY;
    items[0].as.array.items = inner;
    items[0].as.array.count = 3;
    items[1].type = (trace_type)12;
    given[0] = TRACE_ATTR_STRING(key, "x");
    given[0].value.type = TRACE_TYPE_ARRAY;
    given[0].value.as.array.items = items;
    given[0].value.as.array.count = 2;
    given[1] = TRACE_ATTR_BYTES("bytes", bytes, 3);
    given[2] = TRACE_ATTR_JSON("json", text);
    given[3] = TRACE_ATTR_UINT("small", 7);
    given[4] = TRACE_ATTR_DOUBLE("half", 0.5);
    given[5] = TRACE_ATTR_STRING("null", NULL);
    config.resource_attributes = given;
    config.resource_attribute_count = 6;
    with(NULL);
    REQUIRE(tracei_resource_build(&config));
    memset(key, '#', sizeof key - 1), memset(text, '#', sizeof text - 1), memset(bytes, '#', sizeof bytes);
    memset(items, 0x55, sizeof items), memset(inner, 0x55, sizeof inner), memset(given, 0x55, sizeof given);
    copy = find("list");
    REQUIRE(copy && copy->type == TRACE_TYPE_ARRAY && copy->as.array.count == 2);
    CHECK_INT(copy->as.array.items[1].type, TRACE_TYPE_NULL);
    copy = &copy->as.array.items[0];
    REQUIRE(copy->type == TRACE_TYPE_ARRAY && copy->as.array.count == 3);
    CHECK_TEXT(copy->as.array.items[0].as.string.data, copy->as.array.items[0].as.string.size, "abc");
    CHECK_UINT(copy->as.array.items[1].as.string.size, 0);
    CHECK_TEXT(copy->as.array.items[2].as.string.data, copy->as.array.items[2].as.string.size, "18446744073709551615");
    CHECK_MEM(find("bytes")->as.bytes.data, "\1\0\2", 3);
    CHECK_INT(find("json")->type, TRACE_TYPE_JSON);
    CHECK_INT(find("small")->type, TRACE_TYPE_INT);
    CHECK_DOUBLE(find("half")->as.number, 0.5);
    CHECK_INT(find("null")->type, TRACE_TYPE_NULL);
}

TEST(arrays_are_cut_at_a_depth_of_64) {
    static trace_value nested[200];
    trace_attribute given = TRACE_ATTR_STRING("deep", "x");
    trace_config config = empty_config();
    const trace_value *at;
    int depth = 0;
    for (size_t i = 0; i < 199; i++) {
        nested[i].type = TRACE_TYPE_ARRAY;
        nested[i].as.array.items = &nested[i + 1];
        nested[i].as.array.count = 1;
    }
    given.value = nested[0];
    config.resource_attributes = &given;
    config.resource_attribute_count = 1;
    with(NULL);
    REQUIRE(tracei_resource_build(&config));
    for (at = find("deep"); at->type == TRACE_TYPE_ARRAY; at = at->as.array.items) depth++;
    CHECK_INT(depth, 64);
    CHECK_INT(at->type, TRACE_TYPE_NULL);
}

TEST(sizes_that_cannot_be_are_refused) {
    trace_attribute given = TRACE_ATTR_STRING("x", "x");
    trace_config config = empty_config();
    const trace_attribute *before;
    static const trace_value item;
    with(NULL);
    CHECK(build());
    before = tracei_resource.attributes;
    config.resource_attributes = &given;
    config.resource_attribute_count = 1;
    given.value.type = TRACE_TYPE_ARRAY;
    given.value.as.array.items = &item;
    given.value.as.array.count = SIZE_MAX / 2;
    CHECK(!tracei_resource_build(&config));
    given.value.type = TRACE_TYPE_STRING;
    given.value.as.string.size = SIZE_MAX;
    CHECK(!tracei_resource_build(&config));
    CHECK(tracei_resource.attributes == before);
}

TEST(thousands_of_attributes) {
    enum { N = 3000 };
    static trace_attribute given[N];
    static char keys[N][16];
    trace_config config = empty_config();
    size_t plain;
    with(NULL);
    REQUIRE(build());
    plain = tracei_resource.attribute_count;
    for (int i = 0; i < N; i++) {
        snprintf(keys[i], sizeof keys[i], "key%d", i / 2);
        given[i] = TRACE_ATTR_INT(keys[i], i);
    }
    config.resource_attributes = given;
    config.resource_attribute_count = N;
    REQUIRE(tracei_resource_build(&config));
    CHECK_UINT(tracei_resource.attribute_count, plain + N / 2);
    CHECK_STR(text_of("key700"), "1401");
}

TEST(building_the_same_again_costs_no_memory) {
    const trace_attribute *before;
    trace_attribute given = TRACE_ATTR_STRING("x", "y");
    trace_config config = empty_config();
    size_t bytes;
    config.service_name = "same";
    config.resource_attributes = &given;
    config.resource_attribute_count = 1;
    with(NULL);
    REQUIRE(tracei_resource_build(&config));
    before = tracei_resource.attributes;
    bytes = tracei_bytes_mapped;
    for (int i = 0; i < 10000; i++) CHECK(tracei_resource_build(&config));
    CHECK(tracei_resource.attributes == before);
    CHECK_UINT(tracei_bytes_mapped, bytes);
    given = TRACE_ATTR_DOUBLE("x", 0.5);             /* what differs in a bit is not the same */
    REQUIRE(tracei_resource_build(&config));
    before = tracei_resource.attributes;
    REQUIRE(tracei_resource_build(&config));
    CHECK(tracei_resource.attributes == before);
    given = TRACE_ATTR_DOUBLE("x", 0.25);
    REQUIRE(tracei_resource_build(&config));
    CHECK(find("x")->as.number == 0.25);
}

TEST(a_resource_in_use_outlives_the_next) {
    trace_resource before;
    trace_config config = empty_config();
    config.service_name = "first";
    with(NULL);
    REQUIRE(tracei_resource_build(&config));
    before = tracei_resource;
    config.service_name = "second";
    REQUIRE(tracei_resource_build(&config));
    CHECK_STR(text_of("service.name"), "second");
    CHECK(before.attributes != tracei_resource.attributes);
    tracei_resource = before;
    CHECK_STR(text_of("service.name"), "first");
}

static void *no_memory(void *user, size_t size) {
    (void)user, (void)size;
    return NULL;
}

TEST(without_memory_the_old_resource_stays) {
    static char a[] = "OTEL_RESOURCE_ATTRIBUTES=x=1";
    static char *entries[] = {a, NULL};
    trace_config config = empty_config();
    with(entries);
    config.service_name = "kept";
    REQUIRE(tracei_resource_build(&config));
    config.service_name = "lost";
    tracei_allocator.allocate_fn = no_memory;
    CHECK(!tracei_resource_build(&config));
    tracei_allocator.allocate_fn = NULL;
    CHECK_STR(text_of("service.name"), "kept");
}

/* ---- fork --------------------------------------------------------------------------------------------------------------- */

static void show_after_fork(void *user) {
    (void)user;
    tracei_resource_after_fork();
    CHECK_STR(text_of("service.name"), "parent");
    CHECK_INT(find("process.pid")->as.integer, getpid());
    CHECK(is_uuid_4(text_of("service.instance.id")));
#ifdef __linux__
    CHECK(seconds_of(text_of("process.creation.time")) >= wall_now() - 5);
    CHECK(seconds_of(text_of("process.creation.time")) <= wall_now() + 0.05);
#endif
    printf("%s", text_of("service.instance.id"));
    {   /* and so it stays when the child builds anew */
        char id[64];
        trace_config config = empty_config();
        snprintf(id, sizeof id, "%s", text_of("service.instance.id"));
        config.service_name = "child";
        CHECK(tracei_resource_build(&config));
        CHECK_STR(text_of("service.instance.id"), id);
        CHECK_INT(find("process.pid")->as.integer, getpid());
    }
}

TEST(a_forked_child_is_another_instance) {
    trace_config config = empty_config();
    char mine[64], first[64];
    test_child child;
    config.service_name = "parent";
    with(NULL);
    REQUIRE(tracei_resource_build(&config));
    snprintf(mine, sizeof mine, "%s", text_of("service.instance.id"));
    if (tracei_resource_own.created) memcpy(tracei_resource_own.created, "2001-02-03T04:05:06.789Z", TRACEI_TIME_SIZE);
    child = test_fork(show_after_fork, NULL, 10000);
    CHECK_CHILD(&child, 0);
    snprintf(first, sizeof first, "%s", child.out);
    CHECK(is_uuid_4(first));
    CHECK(strcmp(first, mine) != 0);
    test_child_free(&child);
    child = test_fork(show_after_fork, NULL, 10000);
    CHECK_CHILD(&child, 0);
    CHECK(strcmp(child.out, first) != 0);
    test_child_free(&child);
    CHECK_STR(text_of("service.instance.id"), mine);
    CHECK_INT(find("process.pid")->as.integer, getpid());
}

static void keep_given(void *user) {
    (void)user;
    tracei_resource_after_fork();
    CHECK_STR(text_of("service.instance.id"), "mine, and as long as a detected one.");
    CHECK_STR(text_of("process.pid"), "4");
    CHECK_STR(text_of("process.creation.time"), "long ago");
}

TEST(a_given_instance_id_is_kept_in_children) {
    const trace_attribute given[] = {TRACE_ATTR_STRING("service.instance.id", "mine, and as long as a detected one."), TRACE_ATTR_INT("process.pid", 4),
                                     TRACE_ATTR_STRING("process.creation.time", "long ago")};
    trace_config config = empty_config();
    test_child child;
    config.resource_attributes = given;
    config.resource_attribute_count = 3;
    with(NULL);
    REQUIRE(tracei_resource_build(&config));
    child = test_fork(keep_given, NULL, 10000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
}

TEST_MAIN()
