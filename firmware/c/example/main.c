/* A meter in C: the port of a board in an emulator, and a world of its own in which somebody uses gas, water or electricity and
 * presses the button as the control line says. The flash is a file of the host that `coinless meter new` makes.
 *
 *     cargo xtask firmware --c --state FILE
 */
#include "board.h"
#include "coinless_meter.h"

#include <stdbool.h>

/* The chip of a meter on a desk (crates/meter/src/desk_chip.rs): sectors of 2048 bytes, and the valve's position after them. */
#define SECTOR_BYTES 2048u
#define CHIP_BYTES (11u * SECTOR_BYTES)
#define VALVE_BYTES 16u
static const coinless_layout_t LAYOUT = {
    .factory_from = 0,
    .factory_to = SECTOR_BYTES,
    .journal_from = SECTOR_BYTES,
    .journal_to = 9u * SECTOR_BYTES,
    .terms_from = 9u * SECTOR_BYTES,
    .terms_to = CHIP_BYTES,
};
/* A word is programmed in half of the 82 us for 8 bytes of an STM32L4, a step erased in a 32nd of its 22 ms for 2 KiB. */
#define WORD_BYTES 4u
#define WORD_US 41u
#define STEP_BYTES 64u
#define STEP_US 690u

/* A pulse of the counter: one credit unit, in thousandths. */
#define PULSE 1000u

static int32_t chip, random_source;
static bool valve_is_open;
/* What somebody wants to use, and what of it has flowed, in thousandths of a credit unit. */
static uint32_t wanted, used;
static coinless_view_t shown;
static bool show_again = true;
static coinless_meter_t meter;

/* --- lines for people --- */

static void text(const char *text)
{
    size_t len = 0;
    while (text[len]) {
        len++;
    }
    uart_send(UART_CONTROL, (const uint8_t *)text, len);
}

static void number(uint64_t number, unsigned width)
{
    char digits[21];
    unsigned at = sizeof digits - 1;
    digits[at] = 0;
    while ((number || width) && at > 0) {
        digits[--at] = (char)('0' + number % 10u);
        number /= 10u;
        width -= width ? 1u : 0u;
    }
    text(&digits[at]);
}

static const char *unit(void)
{
    return shown.commodity == COINLESS_ELECTRICITY ? " kWh" : " m3";
}

/* Thousandths of a unit; of a currency, thousandths of its minor unit. */
static void amount(int64_t fine)
{
    uint64_t units = (uint64_t)(fine < 0 ? -fine : fine) / 1000u;
    uint64_t whole = 1000u;
    unsigned places = 3;
    if (shown.currency[0]) {
        for (whole = 1, places = 0; places < shown.exponent; places++) {
            whole *= 10u;
        }
    }
    text(fine < 0 ? "-" : "");
    number(units / whole, 1);
    text(places ? "." : "");
    number(units % whole, places);
    text(shown.currency[0] ? " " : unit());
    text((const char *)shown.currency);
}

static void causes(uint8_t causes)
{
    static const char *const WORDS[] = {"no credit",   "command of the utility", "tamper",         "leak or uncontrolled flow",
                                        "low battery", "long disuse",            "closed account", "fault"};
    const char *before = " (";
    for (unsigned bit = 0; bit < 8; bit++) {
        if (causes & 1u << bit) {
            text(before);
            text(WORDS[bit]);
            before = ", ";
        }
    }
    text(causes ? ")" : "");
}

/* --- the port --- */

static int32_t flash_read(void *context, uint32_t offset, uint8_t *bytes, uint32_t len)
{
    (void)context;
    return host_read_at(chip, offset, bytes, len);
}

static int32_t flash_write(void *context, uint32_t offset, const uint8_t *bytes, uint32_t len)
{
    (void)context;
    for (uint32_t at = 0; at < len; at += WORD_BYTES) {
        if (host_write_at(chip, offset + at, bytes + at, WORD_BYTES) != 0) {
            return -1;
        }
        board_wait_us(WORD_US);
    }
    return 0;
}

static int32_t flash_erase(void *context, uint32_t from, uint32_t to)
{
    static uint8_t erased[STEP_BYTES];
    (void)context;
    for (unsigned at = 0; at < STEP_BYTES; at++) {
        erased[at] = 0xff;
    }
    for (uint32_t at = from; at < to; at += STEP_BYTES) {
        if (host_write_at(chip, at, erased, STEP_BYTES) != 0) {
            return -1;
        }
        board_wait_us(STEP_US);
    }
    return 0;
}

static uint64_t uptime_ms(void *context)
{
    (void)context;
    return board_uptime_ms();
}

static uint32_t draw(void *context)
{
    uint32_t drawn = 0;
    (void)context;
    if (host_read(random_source, (uint8_t *)&drawn, sizeof drawn) != 0) {
        host_fail("coinless: the host gives no random numbers\n");
    }
    return drawn;
}

static void drive_valve(void *context, uint8_t command)
{
    bool open = command == COINLESS_VALVE_OPEN;
    const char *position = open ? "COINLESS VALVE O" : "COINLESS VALVE S";
    (void)context;
    if (host_write_at(chip, CHIP_BYTES, (const uint8_t *)position, VALVE_BYTES) != 0) {
        text("the valve does not move: the host does not write its file\r\n");
        return;
    }
    valve_is_open = open;
    text(open ? "valve open\r\n" : "valve shut\r\n");
}

static uint32_t take_consumption(void *context)
{
    uint32_t pulse = wanted - used < PULSE ? wanted - used : PULSE;
    (void)context;
    if (wanted == 0) {
        return 0;
    }
    if (pulse == 0 || !valve_is_open) {
        text("used ");
        amount(used);
        text("\r\n");
        wanted = used = 0;
        return 0;
    }
    used += pulse;
    text("pulse\r\n");
    return pulse;
}

static void send_bytes(void *context, const uint8_t *bytes, uint32_t len)
{
    (void)context;
    uart_send(UART_LINK, bytes, len);
}

static bool same(const coinless_view_t *a, const coinless_view_t *b)
{
    return a->balance == b->balance && a->code == b->code && a->owner_code == b->owner_code && a->flags == b->flags && a->causes == b->causes
           && a->alarm == b->alarm && a->fault == b->fault;
}

static void show(void *context, const coinless_view_t *view)
{
    (void)context;
    /* While something flows, the balance changes too often to be printed. */
    if ((!show_again && same(view, &shown)) || wanted != 0) {
        return;
    }
    shown = *view;
    show_again = false;
    text("display: ");
    if (view->flags & COINLESS_FLAG_BALANCE) {
        amount(view->balance);
    } else {
        text("no balance");
    }
    text(view->flags & COINLESS_FLAG_OPEN ? "; valve open" : "; valve shut");
    causes(view->causes);
    text(view->flags & COINLESS_FLAG_ARMED ? ", armed: a press opens it" : "");
    text(view->flags & COINLESS_FLAG_VALVE_FAILED ? ", VALVE FAILED" : "");
    text(view->flags & COINLESS_FLAG_EMERGENCY_OFFERED ? "; emergency credit offered" : "");
    if (view->code != COINLESS_NO_CODE) {
        text("; code ");
        number(view->code, 6);
    }
    if (view->owner_code != COINLESS_NO_CODE) {
        text("; your code for the readings: ");
        number(view->owner_code, 8);
    }
    text(view->fault != COINLESS_FAULT_NONE ? "; OUT OF SERVICE\r\n" : "\r\n");
}

static const coinless_port_t PORT = {
    .abi = COINLESS_ABI,
    .flash_bytes = CHIP_BYTES,
    .flash_sector_bytes = SECTOR_BYTES,
    .on_battery = 0,
    .flash_read = flash_read,
    .flash_write = flash_write,
    .flash_erase = flash_erase,
    .uptime_ms = uptime_ms,
    .draw = draw,
    .drive_valve = drive_valve,
    .take_consumption = take_consumption,
    .send_bytes = send_bytes,
    .show = show,
};

/* --- the control line --- */

/* Whether `line` begins with `word`; then it begins after it. */
static bool take_word(const char **line, const char *word)
{
    const char *at = *line;
    while (*word) {
        if (*at++ != *word++) {
            return false;
        }
    }
    *line = at;
    return true;
}

/* An amount like 1.250m3 in thousandths of a credit unit; 0 if it is none. */
static uint32_t parse_amount(const char *line)
{
    uint32_t fine = 0, place = 1000000u;
    bool fraction = false;
    for (; (*line >= '0' && *line <= '9') || (*line == '.' && !fraction); line++) {
        if (*line == '.') {
            fraction = true;
        } else if (fraction) {
            place /= 10u;
            fine += (uint32_t)(*line - '0') * place;
        } else if (fine <= 400000000u) {
            fine = fine * 10u + (uint32_t)(*line - '0') * 1000000u;
        } else {
            return 0;
        }
    }
    const char *expected = unit() + 1;
    return take_word(&line, expected) && *line == 0 ? fine : 0;
}

static void control(const char *line)
{
    static const char *const PRESSED[] = {"nothing", "opened", "open already", "held shut", "out of service"};
    coinless_done_t done;
    if (take_word(&line, "open")) {
        if (coinless_press(&meter, &done) == COINLESS_OK) {
            text("button pressed: ");
            text(PRESSED[done.pressed]);
            text("\r\n");
        }
    } else if (take_word(&line, "emergency")) {
        coinless_take_emergency(&meter);
    } else if (take_word(&line, "consume ")) {
        wanted = parse_amount(line);
        text(wanted ? "" : "write an amount with its unit, for example: consume 1.250m3\r\n");
    } else if (take_word(&line, "show")) {
        show_again = true;
    } else if (*line) {
        text("open: press the button | emergency: take emergency credit | consume AMOUNT | show\r\n");
    }
}

static void take_control(void)
{
    static char line[64];
    static size_t len;
    uint8_t byte;
    while (uart_take(UART_CONTROL, &byte, 1) == 1) {
        if (byte == '\r' || byte == '\n') {
            line[len] = 0;
            len = 0;
            control(line);
        } else if (len < sizeof line - 1) {
            line[len++] = (char)byte;
        }
    }
}

int main(void)
{
    uint8_t position[VALVE_BYTES], bytes[64];
    const char *file = host_argument();
    chip = file ? host_open(file, 1) : -1;
    random_source = host_open("/dev/urandom", 0);
    if (chip < 0 || random_source < 0 || host_read_at(chip, CHIP_BYTES, position, VALVE_BYTES) != 0) {
        host_fail("coinless: the file of the flash cannot be used\n");
    }
    valve_is_open = position[VALVE_BYTES - 1] == 'O';
    board_start();
    if (coinless_start(&meter, sizeof meter, &PORT, &LAYOUT) != COINLESS_OK) {
        drive_valve(NULL, COINLESS_VALVE_SHUT);
        host_fail("coinless: the file holds no meter; make one with `coinless meter new`\n");
    }
    for (;;) {
        size_t len = uart_take(UART_LINK, bytes, sizeof bytes);
        if (len > 0) {
            coinless_receive_bytes(&meter, bytes, len, NULL);
        }
        take_control();
        coinless_round(&meter, NULL);
        if (wanted == 0) {
            board_sleep();
        }
    }
}
