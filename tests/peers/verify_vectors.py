"""Checks vectors/*.json with implementations that others wrote.

pycose verifies every signature and opens every sealed reading and report; aiocoap reads and writes every CoAP message;
python-stdnum computes every check character; the key agreement is done again with `cryptography`; cbor2 writes the contents of
registers and reports from their fields; rules.py, beside this file, refuses what is wrong. From this project it takes the vectors only: thumbprints, external_aad, nonces and packed
times are computed here.

Usage: verify_vectors.py VECTORS_DIRECTORY. Prints one JSON object with what was checked; exit code 0 if all of it fits.
"""

import hashlib
import json
import pathlib
import sys

import aiocoap
import cbor2
from aiocoap.message import Direction
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pycose.headers import IV, Algorithm, KID
from pycose.keys import EC2Key, SymmetricKey
from pycose.messages import Enc0Message, Sign1Message
from stdnum.iso7064 import mod_37_36

sys.dont_write_bytecode = True
import rules  # noqa: E402, beside this file, where no compiled copy is to be left


class Failed(Exception):
    """A vector does not fit."""


def expect(found, wanted, what):
    if found != wanted:
        raise Failed(f"{what}: found {found!r}, wanted {wanted!r}")


class Vectors:
    """The files of vectors, and the test keys by name."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.keys = {key["name"]: key for key in self.read("keys.json")}

    def read(self, name):
        return json.loads((self.directory / name).read_text(encoding="utf-8"))["vectors"]

    def public(self, name):
        point = bytes.fromhex(self.keys[name]["public"])
        return point[1:33], point[33:]

    def thumbprint(self, name):
        """SHA-256 of the key's COSE_Key (RFC 9679)."""
        x, y = self.public(name)
        return hashlib.sha256(cbor2.dumps({1: 2, -1: 1, -2: x, -3: y}, canonical=True)).digest()


def check_keys(vectors):
    for name, key in vectors.keys.items():
        secret = int(key["test_secret"], 16)
        expect(hashlib.sha256(name.encode()).hexdigest(), key["test_secret"], f"{name}: secret")
        public = ec.derive_private_key(secret, ec.SECP256R1()).public_key().public_numbers()
        point = b"\x04" + public.x.to_bytes(32, "big") + public.y.to_bytes(32, "big")
        expect(point.hex(), key["public"], f"{name}: public key")
        expect(vectors.thumbprint(name).hex(), key["hash"], f"{name}: thumbprint")
        expect(key["hash"][:8], key["hint"], f"{name}: hint")
    return len(vectors.keys)


def check_signature(vectors, what, signed, payload, label, meter_key, signer, external_aad):
    """pycose verifies `signed`, and no longer does once anything else is expected."""
    message = Sign1Message.from_cose_obj(cbor2.loads(bytes.fromhex(signed)), False)
    x, y = vectors.public(signer)
    message.key = EC2Key(crv="P_256", x=x, y=y)
    expect(message.phdr[Algorithm].fullname, "ES256", f"{what}: algorithm")
    expect(message.phdr[KID], vectors.thumbprint(signer)[:4], f"{what}: kid")
    expect(message.payload.hex(), payload, f"{what}: payload")
    message.external_aad = cbor2.dumps([label, 1, vectors.thumbprint(meter_key)], canonical=True)
    expect(message.external_aad.hex(), external_aad, f"{what}: external_aad")
    expect(message.verify_signature(), True, f"{what}: signature")
    message.external_aad = b""
    expect(message.verify_signature(), False, f"{what}: signature without external_aad")


def token_fields(vector):
    """What the payload of a token holds besides its head."""
    fields = {3: vector["epoch"]}
    if "credit" in vector:
        fields[4] = [vector["credit"]["number"], vector["credit"]["total"]]
    if "refused" in vector:
        fields[5] = vector["refused"]
    if "needs" in vector:
        names = {1: "tariff", 2: "settings", 3: "keys"}
        fields[6] = {key: vector["needs"][name] for key, name in names.items() if vector["needs"][name]}
    if "challenge" in vector:
        fields[7] = bytes.fromhex(vector["challenge"])
    for key, name in ((8, "tariff"), (9, "settings"), (12, "keys")):
        if name in vector:
            fields[key] = [vector[name]["number"], bytes.fromhex(vector[name]["content"])]
    if "valve" in vector:
        command = ["release", "hold shut", "service"].index(vector["valve"]["command"])
        fields[10] = [vector["valve"]["number"], command]
    if "clock" in vector:
        unix_s, answers = vector["clock"]["unix_s"], vector["clock"].get("answers")
        fields[11] = unix_s if answers is None else [unix_s, bytes.fromhex(answers)]
    if vector.get("closing"):
        fields[13] = True
    return fields


def receipt_fields(vector):
    """What the payload of a receipt holds besides its head."""
    outcome = [vector["decision_code"], vector["token_number"], vector.get("use_first", 0)]
    fields = {2: vector["number"], 3: outcome, 4: vector["registers"], 5: vector["total"], 6: vector["sums"]}
    fields |= {7: vector["flags"], 8: bytes.fromhex(vector["readings"])}
    if "challenge" in vector:
        fields[9] = bytes.fromhex(vector["challenge"])
    return fields


def identity_fields(vector):
    """What an identity holds besides its head."""
    commodity = ["gas", "water", "electricity"].index(vector["commodity"]) + 1
    fields = {3: commodity, 4: vector["registers"], 5: vector["flags"]}
    if "challenge" in vector:
        fields[6] = bytes.fromhex(vector["challenge"])
    if "currency" in vector:
        fields[7] = vector["currency"]
    return fields


def report_fields(vector):
    """What the payload of a report holds besides its head."""
    return {2: vector["number"], 3: bytes.fromhex(vector["sealed"])}


# File, what its objects are, what they hold, and whether the hint of the meter's key is among that.
SIGNED = (
    ("tokens.json", "token", token_fields, True),
    ("receipts.json", "receipt", receipt_fields, False),
    ("identities.json", "identity", identity_fields, True),
    ("reports.json", "report", report_fields, False),
)


def check_signatures(vectors):
    """Every payload is what its fields say, to the last byte, and is signed."""
    count = 0
    for file, label, fields_of, hinted in SIGNED:
        for vector in vectors.read(file):
            name, meter_key = f"{label}: {vector['name']}", vector["meter_key"]
            fields = {0: 1, 1: vector["meter"], **fields_of(vector)}
            if hinted:
                fields[2] = vectors.thumbprint(meter_key)[:4]
            expect(cbor2.dumps(fields, canonical=True).hex(), vector["payload"], f"{name}: payload")
            # An identity is signed only when it answers a challenge.
            proof = vector if "signed" in vector else vector.get("proof")
            if proof is None:
                continue
            signer = vector.get("issuer_key", meter_key)
            check_signature(
                vectors,
                name,
                proof["signed"],
                vector["payload"],
                f"coinless/{label}",
                meter_key,
                signer,
                proof["external_aad"],
            )
            count += 1
    return count


def packed(records, sizes):
    """Numbers of so many bytes each, big-endian, as one byte string."""
    return b"".join(number.to_bytes(size, "big") for record in records for number, size in zip(record, sizes))


def check_content(vector, name, fields):
    """The content is the map of those fields that are not None."""
    content = fields if isinstance(fields, list) else {key: field for key, field in fields.items() if field is not None}
    expect(cbor2.dumps(content, canonical=True).hex(), vector["content"], f"{name}: {vector['name']}")
    expect(len(bytes.fromhex(vector["content"])), vector["content_bytes"], f"{name}: {vector['name']}: length")


def check_contents(vectors):
    """Contents of registers are written again from their fields."""
    count = 0
    for vector in vectors.read("tariffs.json"):
        switches = [days << 9 | half_hour << 3 | rate for days, half_hour, rate in vector["switches"]]
        fields = {
            0: vector["rates"] or None,
            1: vector["steps"] or None,
            2: packed([[switch] for switch in switches], [2]) or None,
            3: vector["rate_without_clock"] or None,
            4: vector["standing_per_day"] or None,
            5: vector["debt_total"] or None,
            6: vector["debt_per_day"] or None,
            7: vector["debt_per_cent"] or None,
        }
        check_content(vector, "tariff", fields)
        count += 1
    for vector in vectors.read("settings.json"):
        fields = {
            0: vector["low_credit"] or None,
            1: vector["very_low_credit"] or None,
            2: vector["emergency"] or None,
            3: vector["friendly_cap"] or None,
            4: packed(vector["friendly"], [1, 1, 1]) or None,
            5: packed(vector["friendly_days"], [2, 2]) or None,
            6: packed(vector["no_cut"], [2, 2]) or None,
            7: vector["no_cut_cap"] or None,
            8: vector["utc_offset_quarters"] or None,
            9: vector["open_by_token"],
            10: vector["max_credit"],
            11: vector["correction_ppm"] if vector["correction_ppm"] != 1_000_000 else None,
            12: vector["load_limit_w"] or None,
            13: vector["load_limit_s"] or None,
            14: vector["excess_flow"] or None,
            15: vector["leak_h"] or None,
            16: vector["disuse_days"] or None,
            17: vector["shut_on"] if vector["shut_on"] != 31 else None,
        }
        check_content(vector, "settings", fields)
        count += 1
    for vector in vectors.read("operational_keys.json"):
        points = [vectors.public(name) for name in vector["keys"]]
        check_content(vector, "operational keys", [bytes([2 + (y[-1] & 1)]) + x for x, y in points])
        count += 1
    return count


def agree(vectors, own, other, meter):
    """Key and context IV, agreed from the private key `own` and the public key `other`."""
    secret = ec.derive_private_key(int(vectors.keys[own]["test_secret"], 16), ec.SECP256R1())
    public = ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP256R1(), bytes.fromhex(vectors.keys[other]["public"])
    )
    shared = secret.exchange(ec.ECDH(), public)

    def derive(name, length):
        info = b"coinless/readings/1" + meter.encode() + name
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(shared)

    return derive(b"/key", 16), derive(b"/iv", 13)


def open_sealed(sealed, key, nonce, external_aad):
    """pycose opens what is sealed under `nonce`; gives the plain bytes."""
    protected, unprotected, cipher_text = rules.read(sealed)
    expect(unprotected, {6: nonce.partial}, "partial IV")
    # pycose pads nothing: it is given the whole IV in place of the partial one.
    message = Enc0Message.from_cose_obj([protected, {}, cipher_text], False)
    message.uhdr[IV] = nonce.whole
    message.key = SymmetricKey(k=key)
    message.external_aad = external_aad
    expect(message.phdr[Algorithm].fullname, "AES_CCM_16_64_128", "algorithm")
    return message.decrypt()


class Nonce:
    """The nonce of a number: the partial IV, and the whole one."""

    def __init__(self, context_iv, number):
        padded = number.to_bytes(13, "big")
        self.partial = padded[9:]
        self.whole = bytes(a ^ b for a, b in zip(context_iv, padded))


def check_sealed(vectors, what, vector, number, external_aad):
    """What is sealed opens; gives the plain bytes."""
    key, context_iv = agree(vectors, vector["station_key"], vector["meter_key"], vector["meter"])
    nonce = Nonce(context_iv, number)
    expect(key.hex(), vector["derived_key"], f"{what}: key")
    expect(nonce.whole.hex(), vector["nonce"], f"{what}: nonce")
    plain = open_sealed(bytes.fromhex(vector["sealed"]), key, nonce, external_aad)
    expect(plain.hex(), vector["plain"], f"{what}: plain")
    return plain


def check_readings(vectors):
    readings = vectors.read("readings.json")
    for vector in readings:
        name = f"readings: {vector['name']}"
        plain = check_sealed(vectors, name, vector, vector["receipt_number"], b"coinless/readings")
        wanted = [vector["balance"], vector["consumed"], vector["clock"]]
        expect(plain, cbor2.dumps(wanted, canonical=True), f"{name}: values")
    return len(readings)


def check_reports(vectors):
    reports = vectors.read("reports.json")
    for vector in reports:
        name = f"report: {vector['name']}"
        plain = check_sealed(vectors, name, vector, vector["number"], b"coinless/report")
        wanted = [vector[field] for field in ("metered", "valve", "emergency_taken", "clock_trusted")]
        wanted += [vector["debt_total"], vector["debt_paid"], [count for _, count in vector["events"]]]
        expect(plain, cbor2.dumps(wanted, canonical=True), f"{name}: values")
    return len(reports)


# Files of good objects, where their bytes are, and what they are.
GOOD = (
    ("tokens.json", "payload", "token"),
    ("tariffs.json", "content", "tariff"),
    ("settings.json", "content", "settings"),
    ("operational_keys.json", "content", "operational-keys"),
    ("identities.json", "payload", "identity"),
    ("reports.json", "payload", "report"),
)


def opens(vectors, sealed, number):
    """Whether these bytes are a report's content, sealed under this number of CLS0000000017."""
    names = ("coinless test key station-1", "coinless test key meter-1", "CLS0000000017")
    key, context_iv = agree(vectors, *names)
    try:
        rules.report_content(open_sealed(sealed, key, Nonce(context_iv, number), b"coinless/report"))
    except Exception:  # pycose raises what its parts raise.
        return False
    return True


def check_refused(vectors):
    """The rules accept what is good and refuse what is not."""
    for file, field, what in GOOD:
        for vector in vectors.read(file):
            rules.OBJECTS[what](bytes.fromhex(vector[field]))
    for vector in vectors.read("reports.json"):
        rules.report_content(bytes.fromhex(vector["plain"]))
        mine = vector["meter"] == "CLS0000000017"
        expect(opens(vectors, bytes.fromhex(vector["sealed"]), vector["number"]), mine, vector["name"])
    count = 0
    for vector in vectors.read("rejected.json"):
        what, name = vector["object"], f"{vector['object']}, {vector['name']}"
        if what == "sealed-report":
            expect(opens(vectors, bytes.fromhex(vector["bytes"]), 5), False, name)
        elif what in rules.OBJECTS:
            try:
                rules.OBJECTS[what](bytes.fromhex(vector["bytes"]))
            except rules.Refused:
                pass
            else:
                raise Failed(f"the rules accept {name}")
        else:
            continue
        count += 1
    return count


def check_problems(vectors):
    problems = vectors.read("problems.json")
    for vector in problems:
        major, detail = vector["coap_code"].split(".")
        code = int(major) << 5 | int(detail)
        wanted = {-1: vector["title"], -4: code, "coinless:refusal": {0: vector["refusal"]}}
        raw = bytes.fromhex(vector["bytes"])
        expect(cbor2.loads(raw), wanted, vector["title"])
        expect(cbor2.dumps(wanted, canonical=True), raw, f"{vector['title']}: deterministic")
    return len(problems)


def check_coap(vectors):
    messages = vectors.read("coap.json")
    for vector in messages:
        name, raw = f"coap: {vector['name']}", bytes.fromhex(vector["bytes"])
        message = aiocoap.Message.decode(raw)
        code = f"{int(message.code) >> 5}.{int(message.code) & 31:02}"
        expect((message.mtype.name, code, message.mid), (vector["kind"], vector["code"], vector["id"]), name)
        expect(message.token.hex(), vector["token"], f"{name}: token")
        expect(message.payload.hex(), vector["payload"], f"{name}: payload")
        options = [[int(option.number), option.encode().hex()] for option in message.opt.option_list()]
        expect(options, vector["options"], f"{name}: options")
        message.direction = Direction.OUTGOING
        expect(message.encode().hex(), vector["bytes"], f"{name}: encoded again")
    return len(messages)


def check_meter_ids(vectors):
    meter_ids = vectors.read("meter_ids.json")
    for vector in meter_ids:
        expect(mod_37_36.calc_check_digit(vector["id"]), vector["check"], vector["id"])
        expect(vector["label"], f"{vector['id']}-{vector['check']}", vector["id"])
    return len(meter_ids)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    vectors = Vectors(sys.argv[1])
    checks = {
        "keys": check_keys,
        "signatures": check_signatures,
        "contents": check_contents,
        "readings": check_readings,
        "reports": check_reports,
        "refused": check_refused,
        "problems": check_problems,
        "coap": check_coap,
        "meter_ids": check_meter_ids,
    }
    seen = {}
    try:
        for name, check in checks.items():
            seen[name] = check(vectors)
    except (Failed, rules.Refused) as failure:
        print(json.dumps({"ok": False, "error": str(failure), **seen}))
        sys.exit(1)
    print(json.dumps({"ok": True, **seen}))


if __name__ == "__main__":
    main()
