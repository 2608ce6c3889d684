/* What the example's chip can do: an LM3S6965 in an emulator, whose host lends it files. */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

/* Serial ports: the link, and lines to control and watch the emulated world. */
enum uart { UART_LINK, UART_CONTROL };

/* Switches on timer and serial ports. */
void board_start(void);
/* Milliseconds since the start. */
uint64_t board_uptime_ms(void);
/* Waits, as for a chip that is busy. */
void board_wait_us(uint32_t us);
/* Sleeps until an interrupt if nothing came in over a serial port. */
void board_sleep(void);

/* Takes up to `most` bytes that came in; gives how many. */
size_t uart_take(enum uart uart, uint8_t *bytes, size_t most);
/* Sends bytes, waiting for each to fit into the FIFO. */
void uart_send(enum uart uart, const uint8_t *bytes, size_t len);

/* Files of the host. A handle below 0 is none; the others give 0 if done. */
int32_t host_open(const char *name, int to_update);
int32_t host_read_at(int32_t handle, uint32_t offset, uint8_t *bytes, uint32_t len);
int32_t host_read(int32_t handle, uint8_t *bytes, uint32_t len);
int32_t host_write_at(int32_t handle, uint32_t offset, const uint8_t *bytes, uint32_t len);
/* What follows the image's name on the command line that the emulator was given; NULL if nothing does. */
const char *host_argument(void);
/* Says why on the host's console and ends the emulator. */
_Noreturn void host_fail(const char *why);

#endif
