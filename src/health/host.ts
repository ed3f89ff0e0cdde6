/** What the computer under the gateway says of itself. null: not known here. Bytes, shares of 1, degrees Celsius. */
export interface HostFigures {
  readonly t: number;
  readonly temperature: number | null;
  /** A Raspberry Pi whose power supply or cooling is too weak: now, and at any time since boot. */
  readonly throttled: boolean | null;
  readonly underVoltage: boolean | null;
  readonly load: number | null;
  readonly memory: { readonly total: number; readonly available: number } | null;
  readonly process: { readonly rss: number; readonly cpu: number | null };
  readonly disk: { readonly total: number; readonly free: number } | null;
  readonly network: readonly { readonly name: string; readonly rxBytes: number; readonly txBytes: number }[];
}
