/* The chip: start-up, system timer, serial ports (Stellaris data sheet, chapters 3 and 12), and semihosting (Arm, Semihosting for
 * AArch32 and AArch64, release 3.0). */
#include "board.h"

#include <stdbool.h>

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* Clock after a reset, as the emulator has it, and the time between two ticks of the system timer. */
#define CLOCK_HZ 12500000u
#define TICK_MS 10u
#define TICK_CYCLES (CLOCK_HZ / 1000u * TICK_MS)

#define SYST_CONTROL REGISTER(0xe000e010)
#define SYST_RELOAD REGISTER(0xe000e014)
#define SYST_CURRENT REGISTER(0xe000e018)
#define NVIC_ENABLE REGISTER(0xe000e100)
/* Clock gates of serial ports and pins; pins of port A (UART 0) and D (UART 1). */
#define RCGC1 REGISTER(0x400fe104)
#define RCGC2 REGISTER(0x400fe108)
#define PORT_A 0x40004000u
#define PORT_D 0x40007000u
#define ALTERNATE_FUNCTION 0x420u
#define DIGITAL 0x51cu

static const uint32_t UARTS[] = {[UART_LINK] = 0x4000c000u, [UART_CONTROL] = 0x4000d000u};
#define UART_DATA 0x00u
#define UART_FLAGS 0x18u
#define UART_BAUD_INTEGER 0x24u
#define UART_BAUD_FRACTION 0x28u
#define UART_LINE_CONTROL 0x2cu
#define UART_SWITCH 0x30u
#define UART_INTERRUPT_MASK 0x38u
#define UART_INTERRUPT_CLEAR 0x44u
#define RECEIVE_EMPTY (1u << 4)
#define TRANSMIT_FULL (1u << 5)
/* Something was received, and something was left in the FIFO for a while. */
#define RECEIVED (1u << 4 | 1u << 6)

/* Bytes that came in, from an interrupt to the main loop: what a full request takes on the line at most, and some more. */
#define RING_BYTES 768u
static struct {
    volatile uint8_t bytes[RING_BYTES];
    volatile uint16_t head, tail;
} rings[2];

static volatile uint32_t ticks;

/* --- serial ports --- */

static void push(enum uart uart, uint8_t byte)
{
    uint16_t next = (uint16_t)((rings[uart].head + 1u) % RING_BYTES);
    /* A full ring drops it, and what it belonged to is lost like anything on a line. */
    if (next != rings[uart].tail) {
        rings[uart].bytes[rings[uart].head] = byte;
        rings[uart].head = next;
    }
}

static void drain(enum uart uart)
{
    REGISTER(UARTS[uart] + UART_INTERRUPT_CLEAR) = RECEIVED;
    while (!(REGISTER(UARTS[uart] + UART_FLAGS) & RECEIVE_EMPTY)) {
        push(uart, (uint8_t)REGISTER(UARTS[uart] + UART_DATA));
    }
}

size_t uart_take(enum uart uart, uint8_t *bytes, size_t most)
{
    size_t taken = 0;
    while (taken < most && rings[uart].tail != rings[uart].head) {
        bytes[taken++] = rings[uart].bytes[rings[uart].tail];
        rings[uart].tail = (uint16_t)((rings[uart].tail + 1u) % RING_BYTES);
    }
    return taken;
}

void uart_send(enum uart uart, const uint8_t *bytes, size_t len)
{
    for (size_t at = 0; at < len; at++) {
        while (REGISTER(UARTS[uart] + UART_FLAGS) & TRANSMIT_FULL) {
        }
        REGISTER(UARTS[uart] + UART_DATA) = bytes[at];
    }
}

static void uart_start(enum uart uart)
{
    /* The divisor in 64ths of clock / (16 * rate), rounded; 8 bits, FIFOs on. */
    uint32_t divisor = (CLOCK_HZ * 8u / 115200u + 1u) / 2u;
    REGISTER(UARTS[uart] + UART_SWITCH) = 0;
    REGISTER(UARTS[uart] + UART_BAUD_INTEGER) = divisor >> 6;
    REGISTER(UARTS[uart] + UART_BAUD_FRACTION) = divisor & 63u;
    REGISTER(UARTS[uart] + UART_LINE_CONTROL) = 0x70;
    REGISTER(UARTS[uart] + UART_INTERRUPT_MASK) = RECEIVED;
    REGISTER(UARTS[uart] + UART_SWITCH) = 0x301;
}

/* --- time --- */

void board_start(void)
{
    RCGC1 |= 3u;
    RCGC2 |= 9u;
    REGISTER(PORT_A + ALTERNATE_FUNCTION) |= 3u;
    REGISTER(PORT_A + DIGITAL) |= 3u;
    REGISTER(PORT_D + ALTERNATE_FUNCTION) |= 12u;
    REGISTER(PORT_D + DIGITAL) |= 12u;
    uart_start(UART_LINK);
    uart_start(UART_CONTROL);
    NVIC_ENABLE = 1u << 5 | 1u << 6;
    SYST_RELOAD = TICK_CYCLES - 1u;
    SYST_CURRENT = 0;
    SYST_CONTROL = 7;
}

uint64_t board_uptime_ms(void)
{
    static uint32_t before, wraps;
    uint32_t now = ticks;
    if (now < before) {
        wraps++;
    }
    before = now;
    return ((uint64_t)wraps << 32 | now) * TICK_MS;
}

void board_wait_us(uint32_t us)
{
    uint32_t cycles = (CLOCK_HZ / 1000000u + 1u) * us, waited = 0, before = SYST_CURRENT;
    while (waited < cycles) {
        uint32_t now = SYST_CURRENT;
        /* It counts down, and starts again at its reload value. */
        waited += now <= before ? before - now : before + TICK_CYCLES - now;
        before = now;
    }
}

void board_sleep(void)
{
    __asm__ volatile("cpsid i" ::: "memory");
    if (rings[UART_LINK].head == rings[UART_LINK].tail && rings[UART_CONTROL].head == rings[UART_CONTROL].tail) {
        /* It wakes up for an interrupt that is held back here, too. */
        __asm__ volatile("wfi");
    }
    __asm__ volatile("cpsie i" ::: "memory");
}

/* --- the host --- */

static uint32_t host(uint32_t operation, const void *parameter)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = parameter;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

int32_t host_open(const char *name, int to_update)
{
    uint32_t len = 0;
    while (name[len]) {
        len++;
    }
    uint32_t parameters[] = {(uint32_t)(uintptr_t)name, to_update ? 3u : 1u, len};
    return (int32_t)host(0x01, parameters);
}

int32_t host_read(int32_t handle, uint8_t *bytes, uint32_t len)
{
    uint32_t parameters[] = {(uint32_t)handle, (uint32_t)(uintptr_t)bytes, len};
    return host(0x06, parameters) == 0 ? 0 : -1;
}

static bool host_seek(int32_t handle, uint32_t offset)
{
    uint32_t parameters[] = {(uint32_t)handle, offset};
    return host(0x0a, parameters) == 0;
}

int32_t host_read_at(int32_t handle, uint32_t offset, uint8_t *bytes, uint32_t len)
{
    return host_seek(handle, offset) ? host_read(handle, bytes, len) : -1;
}

int32_t host_write_at(int32_t handle, uint32_t offset, const uint8_t *bytes, uint32_t len)
{
    uint32_t parameters[] = {(uint32_t)handle, (uint32_t)(uintptr_t)bytes, len};
    return host_seek(handle, offset) && host(0x05, parameters) == 0 ? 0 : -1;
}

const char *host_argument(void)
{
    static char line[512];
    uint32_t parameters[] = {(uint32_t)(uintptr_t)line, sizeof line};
    if (host(0x15, parameters) != 0) {
        return NULL;
    }
    line[sizeof line - 1] = 0;
    const char *at = line;
    while (*at && *at != ' ') {
        at++;
    }
    return at[0] && at[1] ? at + 1 : NULL;
}

_Noreturn void host_fail(const char *why)
{
    static const uint32_t EXIT[] = {0x20026, 1};
    host(0x04, why);
    for (;;) {
        host(0x20, EXIT);
    }
}

/* --- start-up --- */

extern uint32_t data_start, data_end, data_load, bss_start, bss_end, stack_top;
int main(void);
void reset(void);

static void on_tick(void)
{
    ticks = ticks + 1u;
}

static void on_uart0(void)
{
    drain(UART_LINK);
}

static void on_uart1(void)
{
    drain(UART_CONTROL);
}

static void on_fault(void)
{
    host_fail("coinless: a fault of the processor\n");
}

void reset(void)
{
    const uint32_t *from = &data_load;
    for (volatile uint32_t *to = &data_start; to < &data_end; to++) {
        *to = *from++;
    }
    for (volatile uint32_t *to = &bss_start; to < &bss_end; to++) {
        *to = 0;
    }
    main();
    host_fail("coinless: main has ended\n");
}

/* Exceptions 1 to 15 and interrupts 0 to 6 come after the top of the stack. */
__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    void (*handlers[15 + 7])(void);
} VECTORS = {
    &stack_top,
    {
        [0] = reset,
        [1] = on_fault,
        [2] = on_fault,
        [3] = on_fault,
        [4] = on_fault,
        [5] = on_fault,
        [10] = on_fault,
        [14] = on_tick,
        [15 + 5] = on_uart0,
        [15 + 6] = on_uart1,
    },
};
