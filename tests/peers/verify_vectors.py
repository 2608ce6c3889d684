"""Checks vectors/*.json with implementations that others wrote.

pycose verifies every signature and opens every sealed reading; aiocoap reads and writes every CoAP message; python-stdnum
computes every check character; the key agreement is done again with `cryptography`. From this project it takes the vectors
only: thumbprints, external_aad and nonces are computed here.

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


def check_fields(vector, content):
    """What cbor2 reads is what the vector's fields say."""
    fields = {1: vector["meter"]}
    if "epoch" in vector:
        fields[3] = vector["epoch"]
    if "credit" in vector:
        fields[4] = [vector["credit"]["number"], vector["credit"]["total"]]
    if "refused" in vector:
        fields[5] = vector["refused"]
    if "needs" in vector:
        names = {1: "tariff", 2: "settings", 3: "keys"}
        fields[6] = {key: vector["needs"][name] for key, name in names.items() if vector["needs"][name]}
    if "decision_code" in vector:
        outcome = [vector["decision_code"], vector["token_number"], vector.get("use_first", 0)]
        readings = bytes.fromhex(vector["readings"])
        fields |= {2: vector["number"], 3: outcome, 4: vector["registers"], 5: vector["total"], 6: vector["sums"]}
        fields |= {7: vector["flags"], 8: readings}
    if "commodity" in vector:
        commodity = ["gas", "water", "electricity"].index(vector["commodity"]) + 1
        fields |= {3: commodity, 4: vector["registers"], 5: vector["flags"]}
    found = {key: value for key, value in content.items() if key in fields}
    expect(found, fields, f"{vector['name']}: fields")


def check_signatures(vectors):
    count = 0
    for file, label in (("tokens.json", "token"), ("receipts.json", "receipt"), ("identities.json", "identity")):
        for vector in vectors.read(file):
            payload = bytes.fromhex(vector["payload"])
            expect(cbor2.dumps(cbor2.loads(payload), canonical=True), payload, f"{vector['name']}: deterministic")
            check_fields(vector, cbor2.loads(payload))
            # An identity is signed only when it answers a challenge.
            proof = vector if "signed" in vector else vector.get("proof")
            if proof is None:
                continue
            signer = vector.get("issuer_key", vector["meter_key"])
            meter_key, aad = vector["meter_key"], proof["external_aad"]
            name = f"{label}: {vector['name']}"
            check_signature(
                vectors, name, proof["signed"], vector["payload"], f"coinless/{label}", meter_key, signer, aad
            )
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


def check_readings(vectors):
    count = 0
    for vector in vectors.read("readings.json"):
        name = f"readings: {vector['name']}"
        key, context_iv = agree(vectors, vector["station_key"], vector["meter_key"], vector["meter"])
        expect(key.hex(), vector["derived_key"], f"{name}: key")
        partial_iv = vector["receipt_number"].to_bytes(13, "big")
        nonce = bytes(a ^ b for a, b in zip(context_iv, partial_iv))
        expect(nonce.hex(), vector["nonce"], f"{name}: nonce")
        protected, unprotected, cipher_text = cbor2.loads(bytes.fromhex(vector["sealed"]))
        expect(unprotected, {6: partial_iv[9:]}, f"{name}: partial IV")
        # pycose pads nothing: it is given the whole IV in place of the partial one.
        message = Enc0Message.from_cose_obj([protected, {}, cipher_text], False)
        message.uhdr[IV] = nonce
        message.key = SymmetricKey(k=key)
        message.external_aad = b"coinless/readings"
        expect(message.phdr[Algorithm].fullname, "AES_CCM_16_64_128", f"{name}: algorithm")
        plain = message.decrypt()
        expect(plain.hex(), vector["plain"], f"{name}: plain")
        wanted = [vector["balance"], vector["consumed"], vector["clock"]]
        expect(cbor2.loads(plain), wanted, f"{name}: values")
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
        "readings": check_readings,
        "problems": check_problems,
        "coap": check_coap,
        "meter_ids": check_meter_ids,
    }
    seen = {}
    try:
        for name, check in checks.items():
            seen[name] = check(vectors)
    except Failed as failure:
        print(json.dumps({"ok": False, "error": str(failure), **seen}))
        sys.exit(1)
    print(json.dumps({"ok": True, **seen}))


if __name__ == "__main__":
    main()
