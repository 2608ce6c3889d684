"""CoAP clients that others wrote talk to a running meter.

Each reads /.well-known/core and /meter, asks for a resource that is not there, and posts a token. Prints one JSON object
with what it saw:

    {"peer": "aiocoap 0.4.17", "ok": true, "core": {"code": "2.05", "format": 40, "payload": "<hex>"}, "meter": {...},
     "missing": {"code": "4.04", ...}, "token": {"code": "2.04", "format": 18, "payload": "<hex>"},
     "meter_id": "CLS0000000017", "receipt": "<hex>", "refusal": null}

`refusal` is the code of the problem details when the meter refuses the token; then `receipt` is null. Exit code 0 if
everything was answered as docs/protocol.md says and the meter has the expected identity, whether or not it takes the token.
"""

import argparse
import asyncio
import json
import pathlib
import re
import subprocess
import sys
import tempfile
from importlib.metadata import version

import aiocoap
import cbor2

COSE_SIGN1, LINK_FORMAT, CBOR, PROBLEM = 18, 40, 60, 257
TIMEOUT_S = 40


def seen(code, content_format, payload):
    return {"code": code, "format": content_format, "payload": payload.hex()}


class AioCoap:
    """aiocoap, a CoAP library in Python."""

    name = f"aiocoap {version('aiocoap')}"

    def __init__(self, address, scheme="coap"):
        self.address, self.scheme = address, scheme

    def request(self, method, path, token=None):
        return asyncio.run(asyncio.wait_for(self.send(method, path, token), TIMEOUT_S))

    async def send(self, method, path, token):
        request = aiocoap.Message(code=getattr(aiocoap, method), uri=f"{self.scheme}://{self.address}/{path}")
        if token is not None:
            request.payload = token
            request.opt.content_format = COSE_SIGN1
        context = await aiocoap.Context.create_client_context()
        try:
            response = await context.request(request).response
        finally:
            await context.shutdown()
        number = int(response.code)
        content_format = response.opt.content_format
        format_number = None if content_format is None else int(content_format)
        return seen(f"{number >> 5}.{number & 31:02}", format_number, response.payload)


class Bleak:
    """bleak, a Bluetooth library in Python, as the central; aiocoap writes and reads the options."""

    name = f"bleak {version('bleak')}"
    SERVICE = "8df804b7-3300-496d-9dfa-f8fb40a236bc"
    DOWNSTREAM = "8bf52767-5625-43ca-a678-70883a366866"
    UPSTREAM = "ab3720c8-7fc0-41f8-aa2a-9a45c2c01a4b"

    def __init__(self, meter):
        self.meter = meter

    def request(self, method, path, token=None):
        return asyncio.run(asyncio.wait_for(self.send(method, path, token), TIMEOUT_S))

    async def send(self, method, path, token):
        import bleak

        found = await bleak.BleakScanner.find_device_by_filter(
            lambda device, said: said.local_name == self.meter and self.SERVICE in said.service_uuids
        )
        if found is None:
            raise ValueError(f"no meter {self.meter} in reach")
        request = aiocoap.Message(payload=token or b"")
        request.opt.uri_path = path.split("/")
        if token is not None:
            request.opt.content_format = COSE_SIGN1
        message = bytes([4, int(getattr(aiocoap, method))]) + b"\xc0\x1e\x55\x00" + request.opt.encode()
        if request.payload:
            message += b"\xff" + request.payload
        async with bleak.BleakClient(found) as meter:
            notified = asyncio.Event()
            await meter.start_notify(self.UPSTREAM, lambda _, value: notified.set() if value else None)
            await meter.write_gatt_char(self.DOWNSTREAM, message, response=True)
            await notified.wait()
            answer = bytes(await meter.read_gatt_char(self.UPSTREAM))
        if answer[0] != 4 or answer[2:6] != message[2:6]:
            raise ValueError(f"not an answer to this request: {answer.hex()}")
        options = aiocoap.Message().opt
        payload = options.decode(answer[6:])
        number = None if options.content_format is None else int(options.content_format)
        return seen(f"{answer[1] >> 5}.{answer[1] & 31:02}", number, payload)


class LibCoap:
    """libcoap's command coap-client. Its exit code is 0 whatever the answer was, so its log is read."""

    # Names of content formats in its log.
    FORMATS = {
        "application/cbor": CBOR,
        "application/link-format": LINK_FORMAT,
        'application/cose; cose-type="cose-sign1"': COSE_SIGN1,
    }

    def __init__(self, address, program):
        self.address, self.program = address, program
        banner = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
        self.name = f"libcoap {(banner.stdout + banner.stderr).split()[1].lstrip('v')}"

    def request(self, method, path, token=None):
        with tempfile.TemporaryDirectory() as folder:
            output, given = pathlib.Path(folder, "output"), pathlib.Path(folder, "token")
            command = [self.program, "-v", "7", "-B", str(TIMEOUT_S), "-m", method.lower(), "-o", str(output)]
            if token is not None:
                given.write_bytes(token)
                command += ["-f", str(given), "-t", str(COSE_SIGN1)]
            command.append(f"coap://{self.address}/{path}")
            log = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S + 5, check=True)
            payload = output.read_bytes() if output.exists() else b""
        return self.read(log.stdout + log.stderr, payload)

    def read(self, log, payload):
        """The last response in the log: code and content format; the payload of an error stands in the log only."""
        text = log.decode(errors="replace")
        responses = re.findall(r"v:1 t:\w+ c:([245]\.\d\d) i:\w+ \{[^}]*\} \[([^\]]*)\]", text)
        if not responses:
            raise ValueError(f"no response in the log of {self.name}: {text}")
        code, options = responses[-1]
        found = re.search(r"Content-Format:([^,\]]*(?:;[^,\]]*)?)", options)
        name = found.group(1).strip() if found else None
        number = self.FORMATS.get(name, int(name) if name and name.isdigit() else name)
        return seen(code, number, payload)


def talk(client, token, expected_id):
    """What the client saw, and whether it is as docs/protocol.md says."""
    report = {
        "peer": client.name,
        "core": client.request("GET", ".well-known/core"),
        "meter": client.request("GET", "meter"),
        "missing": client.request("GET", "no-such-resource"),
        "token": client.request("POST", "token", token),
    }
    core, meter, answer = report["core"], report["meter"], report["token"]
    links = bytes.fromhex(core["payload"]).decode()
    identity = cbor2.loads(bytes.fromhex(meter["payload"]))
    report["meter_id"] = identity[1]
    report["receipt"] = answer["payload"] if answer["code"] == "2.04" else None
    report["refusal"] = None
    if answer["format"] == PROBLEM and answer["payload"]:
        report["refusal"] = cbor2.loads(bytes.fromhex(answer["payload"]))["coinless:refusal"][0]
    report["ok"] = (
        (core["code"], core["format"]) == ("2.05", LINK_FORMAT)
        and "</token>" in links
        and (meter["code"], meter["format"]) == ("2.05", CBOR)
        and report["meter_id"] == expected_id
        and report["missing"]["code"] == "4.04"
        and (answer["code"], answer["format"]) in (("2.04", COSE_SIGN1), ("4.00", PROBLEM), ("4.03", PROBLEM))
    )
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("client", choices=["aiocoap", "aiocoap-ws", "bleak", "libcoap"])
    parser.add_argument("address", help="HOST:PORT of a running meter, for bleak its name")
    parser.add_argument("token", type=pathlib.Path, help="file with a signed token")
    parser.add_argument("meter_id", help="identity that the meter must have")
    parser.add_argument("--coap-client", default="coap-client-notls", help="libcoap's program")
    given = parser.parse_args()
    try:
        clients = {
            "aiocoap": lambda: AioCoap(given.address),
            "aiocoap-ws": lambda: AioCoap(given.address, "coap+ws"),
            "bleak": lambda: Bleak(given.address),
            "libcoap": lambda: LibCoap(given.address, given.coap_client),
        }
        report = talk(clients[given.client](), given.token.read_bytes(), given.meter_id)
    except Exception as error:  # One JSON object in any case: the caller judges it.
        report = {"peer": given.client, "ok": False, "error": f"{type(error).__name__}: {error}"}
    print(json.dumps(report))
    sys.exit(0 if report["ok"] else 1)


if __name__ == "__main__":
    main()
