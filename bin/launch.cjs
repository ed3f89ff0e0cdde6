'use strict';
// Runs on any Node.js, however old: plain syntax, nothing native, until the version is known to do.

// node:zlib has had zstd since 22.15; better-sqlite3 13 crashes the process on Node.js 20.
var MINIMUM = [22, 15];

var path = require('path');
var fs = require('fs');
var url = require('url');

var version = process.versions.node.split('.').map(Number);
if (version[0] < MINIMUM[0] || (version[0] === MINIMUM[0] && version[1] < MINIMUM[1])) {
  process.stderr.write(
    'edge-gateway needs Node.js ' + MINIMUM.join('.') + ' or newer and this is ' + process.versions.node +
      ': install Node.js 24, or run "npm ci" in the project folder, which brings its own.\n',
  );
  process.exit(1);
}

// A clone runs from its source; a package holds only what was compiled (Node.js strips no types under node_modules).
var root = path.join(__dirname, '..');
var source = path.join(root, 'src', 'main.ts');
var main = fs.existsSync(source) ? source : path.join(root, 'dist', 'src', 'main.js');
import(url.pathToFileURL(main).href);
