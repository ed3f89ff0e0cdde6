import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What the package depends on, of the other architecture; fetched once and kept. */
const LIBRARIES = ['libc6', 'libstdc++6', 'libgcc-s1'];
const CACHE = join(tmpdir(), 'edge-gateway-test');

/** Lays Debian's arm64 libraries into `folder`/root and unpacks a package there. apt's state is one of its own: this computer stays as it is. */
export function armRoot(folder: string, deb: string): string {
  const script = `
    if [ ! -e arm64-libraries ]; then
      rm -rf arm64-apt arm64-part
      mkdir -p arm64-apt/lists/partial arm64-apt/cache/archives/partial arm64-part
      chmod -R a+rwX arm64-apt arm64-part
      own="-o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::status=/dev/null
        -o Dir::State::lists=$PWD/arm64-apt/lists -o Dir::Cache=$PWD/arm64-apt/cache -o APT::Sandbox::User=root"
      apt-get $own -qq update
      (cd arm64-part && apt-get $own -qq download ${LIBRARIES.join(' ')})
      rm -rf arm64-apt
      mv arm64-part arm64-libraries
    fi`;
  execFileSync('mkdir', ['-p', CACHE]);
  execFileSync('flock', [join(CACHE, 'lock'), 'sh', '-ec', script], {
    cwd: CACHE,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const root = join(folder, 'root');
  const unpack = 'for deb in "$0"/*.deb "$1"; do dpkg-deb --extract "$deb" "$2"; done';
  execFileSync('sh', ['-ec', unpack, join(CACHE, 'arm64-libraries'), deb, root]);
  return root;
}
