// A stand-in for the browser's serial lines (Web Serial, https://wicg.github.io/serial/): one port, with a cable to whoever is told
// by `tellCable` what the page does, and answers by `cable`.
(() => {
  const asked = new Map();
  let isPluggedIn = true, isGranted = false, isClosing = false, number = 0;
  const lost = () => new DOMException('The device has been lost.', 'NetworkError');
  const refused = words => new DOMException(words, 'InvalidStateError');
  /** Tells something, and waits for the answer. */
  const ask = what => new Promise((done, failed) => {
    if (!isPluggedIn) return failed(lost());
    number += 1;
    asked.set(number, { done, failed });
    tellCable(JSON.stringify({ number, ...what }));
  });

  class Port extends EventTarget {
    #state = 'closed';
    #isLost = false;
    #readable = null;
    #writable = null;
    #incoming = null;
    #outgoing = null;

    get connected() { return isPluggedIn; }
    getInfo() { return {}; }

    async open(options) {
      if (this.#state !== 'closed') throw refused('The port is already open.');
      if (!(options?.baudRate > 0)) throw new TypeError('Requested baud rate must be greater than zero.');
      this.#state = 'opening';
      try {
        await ask({ what: 'open', rate: options.baudRate });
      } catch {
        this.#state = 'closed';
        throw new DOMException('Failed to open serial port.', 'NetworkError');
      }
      this.#state = 'opened';
      this.#isLost = false;
    }

    get readable() {
      if (this.#readable || this.#state !== 'opened' || this.#isLost) return this.#readable;
      const start = incoming => { this.#incoming = incoming; };
      this.#readable = new ReadableStream({ type: 'bytes', start, cancel: () => { this.#readable = null; } });
      return this.#readable;
    }

    get writable() {
      if (this.#writable || this.#state !== 'opened' || this.#isLost) return this.#writable;
      const end = () => { this.#writable = null; };
      const start = outgoing => { this.#outgoing = outgoing; };
      const write = bytes => ask({ what: 'write', bytes: [...bytes] });
      this.#writable = new WritableStream({ start, write, close: end, abort: end });
      return this.#writable;
    }

    // A stream that is locked cannot be cancelled: then this is refused.
    async close() {
      if (this.#state !== 'opened') throw refused('The port is already closed.');
      await Promise.all([this.#readable?.cancel(), this.#writable?.abort()]);
      this.#state = 'closing';
      await ask({ what: 'close' }).catch(error => { if (isPluggedIn) throw error; });
      this.#state = 'closed';
    }

    give(bytes) {
      if (this.#readable) this.#incoming.enqueue(new Uint8Array(bytes));
    }

    lose() {
      this.#isLost = true;
      if (this.#readable) this.#incoming.error(lost());
      if (this.#writable) this.#outgoing.error(lost());
      this.#readable = this.#writable = null;
    }
  }

  const port = new Port();
  const serial = new EventTarget();
  /** Events of a port bubble to the lines it is one of. */
  const happen = name => {
    port.dispatchEvent(new Event(name, { bubbles: true }));
    const bubbled = new Event(name);
    Object.defineProperty(bubbled, 'target', { value: port });
    serial.dispatchEvent(bubbled);
  };
  serial.getPorts = async () => isGranted && isPluggedIn ? [port] : [];
  serial.requestPort = async () => {
    if (!navigator.userActivation.isActive) {
      throw new DOMException('Must be handling a user gesture to show a permission request.', 'SecurityError');
    }
    if (!isPluggedIn || isClosing) throw new DOMException('No port selected by the user.', 'NotFoundError');
    isGranted = true;
    return port;
  };

  window.cable = {
    answer(number) {
      asked.get(number)?.done();
      asked.delete(number);
    },
    give(bytes) { port.give(bytes); },
    pullOut() {
      isPluggedIn = false;
      port.lose();
      for (const { failed } of asked.values()) failed(lost());
      asked.clear();
      happen('disconnect');
    },
    plugIn() {
      isPluggedIn = true;
      happen('connect');
    },
    /** Whether the person closes the browser's list of ports without a choice. */
    choosesNothing(is) { isClosing = is; },
  };
  Object.defineProperty(navigator, 'serial', { value: serial, configurable: true });
  // A browser that has Bluetooth on a computer that has none.
  const requestDevice = async () => { throw new DOMException('Bluetooth adapter not available.', 'NotFoundError'); };
  const bluetooth = { getAvailability: async () => false, requestDevice };
  Object.defineProperty(navigator, 'bluetooth', { value: bluetooth, configurable: true });
})();
