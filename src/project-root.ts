import { findPackageJSON } from 'node:module';
import { dirname } from 'node:path';

/** Folder with our package.json, `bin/` and what was built, whether this runs from source, from dist/ or as a bundle. */
export const PROJECT_ROOT: string = dirname(findPackageJSON(import.meta.url) as string);
