"""What docs/protocol.md asks of objects, written again in Python: tokens, contents of registers, reports, identities.

Each function takes the bytes of one object and raises `Refused` if they are none. The map is read by cbor2; that its form is
the deterministic one is seen by writing it again.
"""

import re

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec

U16, U32, U64, I64 = (1 << 16) - 1, (1 << 32) - 1, (1 << 64) - 1, (1 << 63) - 1
UNITS = 10**15
CONTENT_BYTES = 136
EVENTS = 18


class Refused(Exception):
    """These bytes are not such an object."""


def need(condition, what):
    if not condition:
        raise Refused(what)


def uint(value, most, least=0):
    need(type(value) is int and least <= value <= most, f"{value!r} is not a number from {least} to {most}")


def boolean(value):
    need(type(value) is bool, f"{value!r} is not a boolean")


def octets(value, least, most):
    need(type(value) is bytes and least <= len(value) <= most, f"{value!r} is not {least} to {most} bytes")


def array(value, least, most):
    need(type(value) is list and least <= len(value) <= most, f"{value!r} is not an array of {least} to {most}")
    return value


def read(raw):
    """The value of deterministic CBOR."""
    try:
        value = cbor2.loads(raw)
        again = cbor2.dumps(value, canonical=True)
    except Exception as error:  # Whatever cbor2 cannot read or write is not of this protocol.
        raise Refused(f"cbor2: {error!r}") from error
    need(again == raw, "not deterministic")
    return value


def read_map(raw, rules):
    """A map whose keys have these rules, each a function of the value."""
    fields = read(raw)
    need(type(fields) is dict, "not a map")
    for key, value in fields.items():
        need(type(key) is int and key in rules, f"unknown key {key!r}")
        rules[key](value)
    return fields


def records(value, size, most):
    """Records of `size` bytes each, packed into a byte string."""
    octets(value, size, size * most)
    need(len(value) % size == 0, "half a record")
    return [value[at : at + size] for at in range(0, len(value), size)]


# Heads of what is signed.


def version(value):
    uint(value, 1, 1)


def meter(value):
    need(type(value) is str and re.fullmatch("[A-Z]{3}[0-9A-Z]{1,13}", value), f"{value!r} is not a meter")


def registers(value):
    epoch, *numbers = array(value, 5, 5)
    uint(epoch, U16)
    for number in numbers:
        uint(number, U32)


def flags(value):
    uint(value, U16)
    need(value & 0xF8 == 0, "a flag without a meaning")


def challenge(value):
    octets(value, 8, 8)


# Tokens.


def credit(value):
    number, total = array(value, 2, 2)
    uint(number, U32)
    uint(total, UNITS)


def refused_range(value):
    first, last = array(value, 2, 2)
    uint(first, U32)
    uint(last, U32, first)


def needs(value):
    need(type(value) is dict and value and value.keys() <= {1, 2, 3}, "not needs")
    for number in value.values():
        uint(number, U32, 1)


def content(value):
    number, held = array(value, 2, 2)
    uint(number, U32, 1)
    octets(held, 0, CONTENT_BYTES)


def valve(value):
    number, command = array(value, 2, 2)
    uint(number, U32, 1)
    uint(command, 2)


def clock(value):
    unix_s, *answers = array(value, 2, 2) if type(value) is list else [value]
    uint(unix_s, U64, 1)
    for answer in answers:
        challenge(answer)


HEAD = {0: version, 1: meter, 2: lambda hint: octets(hint, 4, 4), 3: lambda epoch: uint(epoch, U16)}
REGISTERS = {4: credit, 5: refused_range, 6: needs, 8: content, 9: content, 10: valve, 11: clock}
OTHERS = {7: challenge, 12: content, 13: lambda closing: need(closing is True, "not true")}


def token(raw):
    keys = read_map(raw, HEAD | REGISTERS | OTHERS).keys()
    need(keys >= {0, 1, 2, 3}, "no head")
    body = keys - {0, 1, 2, 3}
    need(not body & {5, 6, 13} or 4 in body, "conditions or closing without credit")
    need(body in ({7}, {12}) or body and not body & {7, 12}, "not one order")


# Contents of registers.


def price(value):
    uint(value, U32)


def step(value):
    start, more = array(value, 2, 2)
    uint(start, U32)
    price(more)


def tariff(raw):
    fields = read_map(
        raw,
        {
            0: lambda prices: [price(value) for value in array(prices, 1, 8)],
            1: lambda steps: [step(value) for value in array(steps, 1, 3)],
            2: lambda switches: records(switches, 2, 12),
            3: lambda rate: uint(rate, 7, 1),
            4: lambda standing: uint(standing, U32, 1),
            5: lambda debt: uint(debt, I64, 1),
            6: lambda per_day: uint(per_day, U32, 1),
            7: lambda per_cent: uint(per_cent, 100, 1),
        },
    )
    need(0 in fields or not fields.keys() & {1, 2, 3}, "steps or rates without prices")
    starts = [start for start, _ in fields.get(1, [])]
    need(starts == sorted(set(starts)), "steps do not rise")
    moments = []
    for record in records(fields[2], 2, 12) if 2 in fields else []:
        switch = int.from_bytes(record, "big")
        days, half_hour, rate = switch >> 9, switch >> 3 & 63, switch & 7
        need(days and half_hour < 48 and rate < len(fields[0]), "a switch time of no day, hour or rate")
        moments += [(day, half_hour) for day in range(7) if days >> day & 1]
    need(len(moments) == len(set(moments)), "two switch times at one moment")
    need(fields.get(3, 0) < max(1, len(fields.get(0, []))), "no price of the rate without clock")


def periods(value):
    for days, *half_hours in records(value, 3, 4):
        need(1 <= days < 128 and max(half_hours) < 48, "a period of no day or half hour")


def ranges(value, most):
    for record in records(value, 4, most):
        need(record[:2] <= record[2:], "days that end before they begin")


def settings(raw):
    def counted(least=1):
        return lambda value: uint(value, U32, least)

    fields = read_map(
        raw,
        {key: counted() for key in (0, 1, 2, 3, 7, 12, 14)}
        | {
            4: periods,
            5: lambda days: ranges(days, 6),
            6: lambda days: ranges(days, 2),
            8: lambda quarters: need(quarters != 0, "written out") or uint(quarters, 56, -48),
            9: boolean,
            10: lambda units: uint(units, UNITS, 1),
            11: lambda ppm: need(ppm != 1_000_000, "written out") or uint(ppm, 2_000_000, 500_000),
            13: lambda seconds: uint(seconds, U16, 1),
            15: lambda hours: uint(hours, 255, 1),
            16: lambda days: uint(days, U16, 1),
            17: lambda sensors: uint(sensors, 30),
        },
    )
    need(fields.get(1, 0) <= fields.get(0, 0), "the second level is above the first")
    need((12 in fields) == (13 in fields), "half a load limit")


def operational_keys(raw):
    points = array(read(raw), 1, 2)
    for point in points:
        octets(point, 33, 33)
        need(point[0] in (2, 3), "not compressed")
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        except ValueError as error:
            raise Refused("no point of P-256") from error
    need(len(points) == len(set(points)), "a key twice")


# What meters say.


def identity(raw):
    def currency(value):
        code, digits = array(value, 2, 2)
        need(type(code) is str and re.fullmatch("[A-Z]{3}", code), f"{code!r} is not a currency")
        uint(digits, 4)

    keys = {3: lambda commodity: uint(commodity, 3, 1), 4: registers, 5: flags, 6: challenge, 7: currency}
    need(read_map(raw, HEAD | keys).keys() >= {0, 1, 2, 3, 4, 5}, "something is missing")


def report(raw):
    keys = {0: version, 1: meter, 2: lambda number: uint(number, U32), 3: lambda sealed: octets(sealed, 0, 112)}
    need(read_map(raw, keys).keys() == {0, 1, 2, 3}, "something is missing")


def report_content(raw):
    metered, number, emergency, trusted, total, paid, events = array(read(raw), 7, 7)
    for fine in (metered, total, paid):
        uint(fine, I64)
    uint(number, U32)
    boolean(emergency)
    boolean(trusted)
    for count in array(events, EVENTS, EVENTS):
        uint(count, U16)


# By the names that vectors/rejected.json gives to objects.
OBJECTS = {
    "token": token,
    "tariff": tariff,
    "settings": settings,
    "operational-keys": operational_keys,
    "identity": identity,
    "report": report,
}
