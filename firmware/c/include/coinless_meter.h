/* The Coinless meter core for firmware written in C. Made from firmware/c/src by `cargo xtask firmware --c`: not to be edited.
 *
 * docs/porting.md goes through a new board. In short: fill in a coinless_port_t and a coinless_layout_t, give a zeroed
 * coinless_meter_t, call coinless_start() once and coinless_round() at least every COINLESS_ROUND_MS; hand over what comes in and
 * what happens as it comes.
 *
 * No function allocates, blocks on anything but the port's own functions, or disables interrupts. One call works on a meter at a
 * time: a call from an interrupt, or from a function of the port, answers COINLESS_ERROR_BUSY and does nothing. Functions answer
 * COINLESS_OK or a COINLESS_ERROR; then nothing has happened.
 */

#ifndef COINLESS_METER_H
#define COINLESS_METER_H

#include <stdint.h>
/* What the constants below depend on. */
#if UINTPTR_MAX > 0xffffffffu
#define COINLESS_POINTERS_64
#else
#define COINLESS_POINTERS_32
#endif

// Version of this header. It stands in `coinless_port_t.abi`, so that a library of another one is found out at the start.
#define COINLESS_ABI 2

// Most bytes of a datagram, both ways. Longer ones are dropped.
#define COINLESS_MESSAGE_BYTES 320

// Longest time between two calls of coinless_round(), in milliseconds.
#define COINLESS_ROUND_MS 1000

// Longest time that a valve may take to move, in milliseconds. What flows later, while it is shut, raises "valve failed".
#define COINLESS_VALVE_TRAVEL_MS 10000

// Every read and write of the flash begins at a multiple of this and takes a multiple of it, in bytes. So chips that read or
// write 1, 2, 4, 8, 16 or 32 bytes at once all suit.
#define COINLESS_FLASH_BYTES 32

// Bytes of a factory record.
#define COINLESS_FACTORY_BYTES 512

// Bytes of the text of a meter's identity with its check character and the zero at the end.
#define COINLESS_LABEL_BYTES 19

// Done.
#define COINLESS_OK 0

// A pointer is null or not aligned, or a length is out of range.
#define COINLESS_ERROR_ARGUMENT (-1)

// `meter_bytes` is not what this library needs: header and library do not belong together.
#define COINLESS_ERROR_SIZE (-2)

// The port is of another version, or lacks a function, or its sectors do not divide coinless_flash_erase_bytes().
#define COINLESS_ERROR_PORT (-3)

// The layout does not suit the flash.
#define COINLESS_ERROR_LAYOUT (-4)

// The flash holds no meter: there is no valid factory record.
#define COINLESS_ERROR_NO_METER (-5)

// The private key is neither in the factory record nor in a secure element, or in both, or the element does not answer.
#define COINLESS_ERROR_NO_KEY (-6)

// The meter was not started.
#define COINLESS_ERROR_NOT_STARTED (-7)

// The meter is at work: it was called from one of its own port's functions, or from an interrupt.
#define COINLESS_ERROR_BUSY (-8)

// The flash holds a meter already. Its key and its credit are not overwritten.
#define COINLESS_ERROR_ALREADY_MADE (-9)

// The flash did not take what was written.
#define COINLESS_ERROR_FLASH (-10)

// The factory record is none, or makes no sense.
#define COINLESS_ERROR_RECORD (-11)

// Drive the valve shut.
#define COINLESS_VALVE_SHUT 0

// Drive the valve open.
#define COINLESS_VALVE_OPEN 1

// Nothing holds the valve shut; bits of a set of causes follow.
#define COINLESS_CAUSE_NONE 0

// The credit is used up. Only credit clears it.
#define COINLESS_CAUSE_NO_CREDIT 1

// The utility's command.
#define COINLESS_CAUSE_COMMAND 2

// The meter was tampered with; a technician clears it.
#define COINLESS_CAUSE_TAMPER 4

// Leak, excess flow, or three openings in a row into an open appliance; a technician clears it.
#define COINLESS_CAUSE_FLOW 8

// The battery is too low to promise that the valve can be shut later.
#define COINLESS_CAUSE_LOW_BATTERY 16

// Not used for long.
#define COINLESS_CAUSE_DISUSE 32

// The account is closed.
#define COINLESS_CAUSE_CLOSED_ACCOUNT 64

// The meter found its own state wrong.
#define COINLESS_CAUSE_FAULT 128

// The cover is open.
#define COINLESS_SENSOR_COVER 1

// A strong magnet is near.
#define COINLESS_SENSOR_MAGNET 2

// Something flows backwards.
#define COINLESS_SENSOR_REVERSE_FLOW 4

// The battery is low.
#define COINLESS_SENSOR_LOW_BATTERY 8

// Bit of `flags`: the valve was last driven open.
#define COINLESS_FLAG_OPEN 1

// Bit of `flags`: a press of the button opens the valve.
#define COINLESS_FLAG_ARMED 2

// Bit of `flags`: there was flow while the valve was shut.
#define COINLESS_FLAG_VALVE_FAILED 4

// Bit of `flags`: a person may take emergency credit now.
#define COINLESS_FLAG_EMERGENCY_OFFERED 8

// Bit of `flags`: there is a balance. Without a valid state there is none.
#define COINLESS_FLAG_BALANCE 16

// Gas, counted in dm³.
#define COINLESS_GAS 1

// Water, counted in litres.
#define COINLESS_WATER 2

// Electricity, counted in Wh.
#define COINLESS_ELECTRICITY 3

// The meter is in service; why it may not be follows.
#define COINLESS_FAULT_NONE 0

// There is no valid state.
#define COINLESS_FAULT_NO_STATE 1

// The balance is not what the sums say.
#define COINLESS_FAULT_SUMS 2

// The flash did not take a record.
#define COINLESS_FAULT_JOURNAL 3

// No code is to be shown.
#define COINLESS_NO_CODE 4294967295

// The load is not known.
#define COINLESS_NO_LOAD 4294967295

// Nothing was pressed; what a press did follows.
#define COINLESS_PRESSED_NOTHING 0

// The valve is being opened.
#define COINLESS_PRESSED_OPENED 1

// The valve is open already.
#define COINLESS_PRESSED_ALREADY_OPEN 2

// Something holds the valve shut: see the display.
#define COINLESS_PRESSED_HELD_SHUT 3

// The meter is out of service.
#define COINLESS_PRESSED_OUT_OF_SERVICE 4

// Nothing was served; what a datagram came to follows.
#define COINLESS_SERVED_NOTHING 0

// The identity, a receipt, a report or a challenge was read.
#define COINLESS_SERVED_READ 1

// A token was answered with a receipt, applied or not.
#define COINLESS_SERVED_TOKEN 2

// A message was refused.
#define COINLESS_SERVED_REFUSED 3

#if defined(COINLESS_POINTERS_32)
// Words of 8 bytes of a meter's memory.
#define COINLESS_METER_WORDS 352
#endif

#if defined(COINLESS_POINTERS_64)
// Words of 8 bytes of a meter's memory.
#define COINLESS_METER_WORDS 384
#endif

// A meter's memory, which the caller gives: zeroed before the first start, as static memory is, and from then on the library's
// alone.
typedef struct coinless_meter_t {
    // Not to be touched.
    uint64_t words[COINLESS_METER_WORDS];
} coinless_meter_t;

// What the display shows.
typedef struct coinless_view_t {
    // Credit left, in thousandths of a credit unit, consumption that is not yet journaled included; 0 without COINLESS_FLAG_BALANCE.
    int64_t balance;
    // The code of the last challenge, 0 to 999999, six digits, or COINLESS_NO_CODE.
    uint32_t code;
    // The owner code, 0 to 99999999, eight digits, for some minutes after a press of the button, or COINLESS_NO_CODE. The display shows
    // it and nothing else may: it proves that somebody stood before the meter.
    uint32_t owner_code;
    // Code of the currency that credit is counted in, with a zero at the end; empty if it is counted in units of the commodity.
    uint8_t currency[4];
    // Digits after the currency's point. The credit unit is its minor unit.
    uint8_t exponent;
    // COINLESS_GAS, COINLESS_WATER or COINLESS_ELECTRICITY.
    uint8_t commodity;
    // COINLESS_FLAG bits.
    uint8_t flags;
    // COINLESS_CAUSE bits: what holds the valve shut.
    uint8_t causes;
    // The low-credit alarm: 0 none, 1 low, 2 very low.
    uint8_t alarm;
    // COINLESS_FAULT: why the meter is out of service, if it is.
    uint8_t fault;
} coinless_view_t;

// A board: the functions that the meter calls, each with `context`. It stays where it is, unchanged, as long as the meter is
// used; so it may lie in flash. Functions return at once unless it says otherwise, and call no function of this library.
typedef struct coinless_port_t {
    // COINLESS_ABI.
    uint32_t abi;
    // Bytes of the flash. Offsets in it begin at 0.
    uint32_t flash_bytes;
    // What the chip erases at once, in bytes: 1, 2, 4 ... of them make coinless_flash_erase_bytes().
    uint32_t flash_sector_bytes;
    // 1 if a battery pays for the work that strangers cause, which is limited then; 0 on the mains.
    uint32_t on_battery;
    // What every function is given.
    void *context;
    // Reads `len` bytes at `offset` into `bytes`, which may lie at any address. 0 if done. Microseconds.
    int32_t (*flash_read)(void *context, uint32_t offset, uint8_t *bytes, uint32_t len);
    // Writes `len` bytes, which may lie at any address, to where the flash is erased, and returns when they are in it. 0 if done;
    // another value makes the meter try the next place. No more than 50 ms for 512 bytes.
    int32_t (*flash_write)(void *context, uint32_t offset, const uint8_t *bytes, uint32_t len);
    // Erases from `from` to `to`, both multiples of coinless_flash_erase_bytes(), and returns when all of it reads ff. 0 if done.
    // No more than 500 ms for coinless_flash_erase_bytes().
    int32_t (*flash_erase)(void *context, uint32_t from, uint32_t to);
    // Milliseconds since the start. Never goes back, goes on while the processor sleeps, and is off by less than 1 %.
    uint64_t (*uptime_ms)(void *context);
    // May be null. Seconds since 1970-01-01 UTC of a clock that went on while the meter was off; 0 if it stood still. Asked for
    // at a start.
    uint64_t (*clock_s)(void *context);
    // Bits that an outsider cannot foretell and that differ after each start, for message ids and the spread of repeats. Not used
    // for keys or signatures.
    uint32_t (*draw)(void *context);
    // Begins to drive the valve or relay to COINLESS_VALVE_SHUT or COINLESS_VALVE_OPEN; the last call counts. It stands there
    // within COINLESS_VALVE_TRAVEL_MS and stays without power.
    void (*drive_valve)(void *context, uint8_t command);
    // What has flowed since the last call, in thousandths of dm³, litre or Wh.
    uint32_t (*take_consumption)(void *context);
    // May be null. The power that flows now, in W, of an electricity meter that limits the load; else COINLESS_NO_LOAD.
    uint32_t (*load_w)(void *context);
    // Sends a datagram of up to COINLESS_MESSAGE_BYTES to whoever sent the last one. May return before it is out. Null if there
    // are no datagrams, but only a serial line.
    void (*send_datagram)(void *context, const uint8_t *datagram, uint32_t len);
    // Sends bytes over the serial line, up to 32 in one call and at most 647 for one message. May return before they are out, if
    // it keeps them. Null if there is no serial line.
    void (*send_bytes)(void *context, const uint8_t *bytes, uint32_t len);
    // Shows `view`, which is there for the time of the call; called once a round, changed or not.
    void (*show)(void *context, const struct coinless_view_t *view);
    // Null without a secure element. Puts its public key into `key`: 65 bytes, 04, x, y. 0 if done. Called at a start.
    int32_t (*element_public_key)(void *context, uint8_t *key);
    // Signs `digest`, the 32 bytes of a SHA-256, with ECDSA on P-256 and puts r and s, 32 bytes each, into `signature`. 0 if done.
    // No more than 1 s.
    int32_t (*element_sign)(void *context, const uint8_t *digest, uint8_t *signature);
    // Puts the secret that its key shares with the public key `peer` (65 bytes) into `secret`: the 32 bytes of the x coordinate
    // (ECDH on P-256). 0 if done. No more than 1 s.
    int32_t (*element_agree)(void *context, const uint8_t *peer, uint8_t *secret);
} coinless_port_t;

// Which part of the flash is for what: offsets in bytes, the end exclusive. All are multiples of coinless_flash_erase_bytes(),
// and the three parts do not overlap.
typedef struct coinless_layout_t {
    // The factory record: at least 512 bytes.
    uint32_t factory_from;
    // Its end.
    uint32_t factory_to;
    // The journal of states: at least two times coinless_flash_erase_bytes(); the more, the longer the chip lives.
    uint32_t journal_from;
    // Its end.
    uint32_t journal_to;
    // The journal of what tokens set: at least two times coinless_flash_erase_bytes().
    uint32_t terms_from;
    // Its end.
    uint32_t terms_to;
} coinless_layout_t;

// What a call did; for a log or a lamp.
typedef struct coinless_done_t {
    // COINLESS_SERVED: what the last datagram came to.
    uint8_t served;
    // COINLESS_PRESSED: what a press did.
    uint8_t pressed;
} coinless_done_t;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// What this library erases at once, in bytes: 4096, or 2048 or 1024 if it was built so.
uint32_t coinless_flash_erase_bytes(void);

// Starts the meter that the flash of `port` holds, in the memory `meter` of `meter_bytes` bytes (its sizeof): drives the valve as
// it must stand and shows what there is. Takes a few seconds on a small processor. After an error but COINLESS_ERROR_BUSY there
// is no meter: the board drives the valve shut and says so.
//
// The caller promises:
// `meter` points to that many bytes, zeroed or started before; `port` stays where it is, unchanged, as long as the meter is used.
int32_t coinless_start(struct coinless_meter_t *meter,
                       uint32_t meter_bytes,
                       const struct coinless_port_t *port,
                       const struct coinless_layout_t *layout);

// Does everything that is due: counts, serves, drives the valve, shows. To be called at least every COINLESS_ROUND_MS, when
// coinless_next_due_ms() says so, and after every interrupt that counted something. `done` may be null.
//
// The caller promises:
// `meter` points to a meter's memory.
int32_t coinless_round(struct coinless_meter_t *meter,
                       struct coinless_done_t *done);

// Puts the uptime at which a repeat of an answer is due into `due_ms`, UINT64_MAX if none waits.
//
// The caller promises:
// `meter` points to a meter's memory, `due_ms` to a number.
int32_t coinless_next_due_ms(struct coinless_meter_t *meter, uint64_t *due_ms);

// Takes a datagram of `len` bytes that came in whole (UDP, Bluetooth), and serves it; answers go out by `send_datagram`. A token
// takes seconds on a small processor. `done` may be null.
//
// The caller promises:
// `meter` points to a meter's memory, `datagram` to `len` bytes.
int32_t coinless_receive_datagram(struct coinless_meter_t *meter,
                                  const uint8_t *datagram,
                                  uint32_t len,
                                  struct coinless_done_t *done);

// Takes `len` bytes of a serial line as they came in (Slipmux), pieces of any length, and serves what is complete; answers go out
// by `send_bytes`. A token takes seconds on a small processor: an interrupt keeps what comes in meanwhile, 700 bytes. A line that
// hears what it sends drops that itself. `done` may be null; it tells of the last message that was complete.
//
// The caller promises:
// `meter` points to a meter's memory, `bytes` to `len` bytes.
int32_t coinless_receive_bytes(struct coinless_meter_t *meter,
                               const uint8_t *bytes,
                               uint32_t len,
                               struct coinless_done_t *done);

// A person pressed the button: a deliberate, debounced press at the meter, after being told to turn off every appliance. The only
// way to open a gas valve. `done`, which may be null, tells what it did.
//
// The caller promises:
// `meter` points to a meter's memory.
int32_t coinless_press(struct coinless_meter_t *meter,
                       struct coinless_done_t *done);

// A person at the meter takes the emergency credit that the display offers: a press of another kind than that which opens.
//
// The caller promises:
// `meter` points to a meter's memory.
int32_t coinless_take_emergency(struct coinless_meter_t *meter);

// A sensor (one of COINLESS_SENSOR) began to report, `active` 1, or ceased, 0. What it does is in the meter's settings.
//
// The caller promises:
// `meter` points to a meter's memory.
int32_t coinless_sensor(struct coinless_meter_t *meter, uint8_t sensor, uint8_t active);

// A technician at the meter holds the valve shut for `cause` (one of COINLESS_CAUSE).
//
// The caller promises:
// `meter` points to a meter's memory.
int32_t coinless_raise(struct coinless_meter_t *meter, uint8_t cause);

// A technician at the meter clears `cause` (one of COINLESS_CAUSE); "no credit" is left alone. It opens nothing.
//
// The caller promises:
// `meter` points to a meter's memory.
int32_t coinless_clear(struct coinless_meter_t *meter, uint8_t cause);

// A technician has repaired the valve.
//
// The caller promises:
// `meter` points to a meter's memory.
int32_t coinless_valve_repaired(struct coinless_meter_t *meter);

// Puts the meter's identity with its check character, as on its label, and a zero into `text`, which has COINLESS_LABEL_BYTES.
//
// The caller promises:
// `meter` points to a meter's memory, `text` to that many bytes.
int32_t coinless_label(struct coinless_meter_t *meter,
                       char *text);

// Makes a meter, once, in the factory: writes its first records and then the factory record `record` of COINLESS_FACTORY_BYTES,
// which is what makes it one. Interrupted anywhere, it can be done again.
//
// The caller promises:
// `port` points to a port, `layout` to a layout, and `record` to that many bytes.
int32_t coinless_commission(const struct coinless_port_t *port,
                            const struct coinless_layout_t *layout,
                            const uint8_t *record);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* COINLESS_METER_H */
