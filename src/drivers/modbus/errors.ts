/** Exception codes (Modbus Application Protocol 1.1b3, 7), in words for a technician. */
const EXCEPTIONS: Readonly<Record<number, string>> = {
  1: 'the device does not know this function',
  2: 'the device has no such address',
  3: 'the device refuses this quantity or address',
  4: 'the device failed while it carried out the request',
  5: 'the device needs more time',
  6: 'the device is busy',
  8: 'the device found its memory damaged',
  10: 'the gateway has no path to the unit',
  11: 'the unit behind the gateway does not answer',
};

/** The device, or a gateway in front of it, answered that it will not. */
export class ModbusException extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`exception ${code.toString(16).toUpperCase().padStart(2, '0')}: ${EXCEPTIONS[code] ?? 'unknown'}`);
    this.name = 'ModbusException';
    this.code = code;
  }

  /** The address or quantity is what is refused: 02, and 03 of devices that mean the same. */
  get isOfAddress(): boolean {
    return this.code === 2 || this.code === 3;
  }

  /** The same request may do a little later: 05, 06. */
  get isBusy(): boolean {
    return this.code === 5 || this.code === 6;
  }

  /** A gateway says that the unit is not there: 0A, 0B. As good as no answer. */
  get isOfGateway(): boolean {
    return this.code === 10 || this.code === 11;
  }
}

/** No answer in time. */
export class NoAnswer extends Error {
  /** @param others bytes that came and were no answer */
  constructor(ms: number, others = 0) {
    super(`no answer within ${Math.round(ms)} ms${others === 0 ? '' : `, only ${others} bytes of something else`}`);
    this.name = 'NoAnswer';
  }
}

/** Something came that is no answer to the request: damaged, of another unit, of another length. */
export class BadAnswer extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BadAnswer';
  }
}

/** The link cannot be opened, or broke. `cause` is a Fault that tells why. */
export class LinkDown extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'LinkDown';
  }
}
