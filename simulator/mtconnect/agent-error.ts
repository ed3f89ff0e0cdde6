import type { Version } from './version.ts';
import { atLeast } from './version.ts';
import { element, text } from './xml.ts';

export type ErrorCode =
  | 'ASSET_NOT_FOUND'
  | 'INVALID_PARAMETER_VALUE'
  | 'INVALID_REQUEST'
  | 'INVALID_URI'
  | 'INVALID_XPATH'
  | 'NO_DEVICE'
  | 'OUT_OF_RANGE'
  | 'UNSUPPORTED';

/** As cppagent answers. */
const STATUS: Readonly<Record<ErrorCode, number>> = {
  ASSET_NOT_FOUND: 404,
  INVALID_PARAMETER_VALUE: 400,
  INVALID_REQUEST: 400,
  INVALID_URI: 404,
  INVALID_XPATH: 400,
  NO_DEVICE: 404,
  OUT_OF_RANGE: 404,
  UNSUPPORTED: 400,
};

/** The parameter that was out of its range: told from 2.6 on. */
export interface BadParameter {
  readonly name: string;
  readonly value: string | number;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** A request that the agent answers with an error document. */
export class AgentError extends Error {
  readonly code: ErrorCode;
  readonly parameter: BadParameter | undefined;

  constructor(code: ErrorCode, message: string, parameter?: BadParameter) {
    super(message);
    this.name = 'AgentError';
    this.code = code;
    this.parameter = parameter;
  }

  get status(): number {
    return STATUS[this.code];
  }

  /** The element within `Errors`: typed from 2.6 on, `Error` before, when two of the codes did not exist yet. */
  toXml(version: Version, request: string, uri: string): string {
    if (!atLeast(version, '2.6')) {
      const code =
        this.code === 'INVALID_PARAMETER_VALUE' || this.code === 'INVALID_URI' ? 'INVALID_REQUEST' : this.code;
      return element('Error', { errorCode: code }, text(this.message));
    }
    const body = [
      element('ErrorMessage', {}, text(this.message)),
      this.parameter === undefined ? '' : parameterXml(this.parameter),
      element('Request', {}, text(request)),
      element('URI', {}, text(uri)),
    ];
    return element(typeName(this.code), { errorCode: this.code }, body.join(''));
  }
}

function parameterXml({ name, value, minimum, maximum }: BadParameter): string {
  const bound = (tag: string, limit: number | undefined) => (limit === undefined ? '' : element(tag, {}, `${limit}`));
  const body = bound('Maximum', maximum) + bound('Minimum', minimum) + element('Value', {}, text(`${value}`));
  return element('QueryParameter', { name }, body);
}

/** `OUT_OF_RANGE` → `OutOfRange`. */
function typeName(code: ErrorCode): string {
  const words = code.split('_').map((word) => word.charAt(0) + word.slice(1).toLowerCase());
  return words.join('').replace('Xpath', 'XPath').replace('Uri', 'URI');
}
