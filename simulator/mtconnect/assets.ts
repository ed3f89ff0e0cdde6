import { AgentError } from './agent-error.ts';
import { element } from './xml.ts';

export interface Asset {
  readonly assetId: string;
  /** Element name, e.g. `CuttingTool`. */
  readonly type: string;
  readonly deviceUuid: string;
  /** As it is sent. */
  readonly timestamp: string;
  /** The XML within the element. */
  readonly body: string;
}

interface Kept extends Asset {
  readonly removed: boolean;
}

/** The agent's assets by id; a removed one is kept as such and only given to who asks for it by its id. */
export class AssetStore {
  readonly #assets = new Map<string, Kept>();

  get count(): number {
    return this.#present().length;
  }

  /** Whether there is one that is not removed. */
  has(assetId: string): boolean {
    return this.#assets.get(assetId)?.removed === false;
  }

  put(asset: Asset): void {
    this.#assets.set(asset.assetId, { ...asset, removed: false });
  }

  /** @returns the asset, or undefined where there was none */
  remove(assetId: string): Asset | undefined {
    const asset = this.#assets.get(assetId);
    if (asset !== undefined) this.#assets.set(assetId, { ...asset, removed: true });
    return asset;
  }

  /**
   * The asked ones; without ids all that are not removed, of that type and device.
   * @throws AgentError ASSET_NOT_FOUND
   */
  toXml(asked: { assetIds: readonly string[]; type: string | undefined; uuid: string | undefined }): string {
    const chosen = asked.assetIds.length > 0 ? asked.assetIds.map((id) => this.#get(id)) : this.#present();
    const wanted = ({ type, deviceUuid }: Kept) =>
      type === (asked.type ?? type) && deviceUuid === (asked.uuid ?? deviceUuid);
    return chosen.filter(wanted).map(assetXml).join('');
  }

  #get(assetId: string): Kept {
    const asset = this.#assets.get(assetId);
    if (asset === undefined) throw new AgentError('ASSET_NOT_FOUND', `Could not find asset: ${assetId}`);
    return asset;
  }

  #present(): Kept[] {
    return [...this.#assets.values()].filter(({ removed }) => !removed);
  }
}

function assetXml({ type, assetId, deviceUuid, timestamp, removed, body }: Kept): string {
  return element(type, { assetId, deviceUuid, removed: removed ? true : undefined, timestamp }, body);
}
