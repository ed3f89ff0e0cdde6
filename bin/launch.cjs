'use strict';
// Runs on any Node.js, however old: plain syntax, nothing native, until the version is known to do.

// node:zlib takes a dictionary for zstd since these; better-sqlite3 13 crashes the process on Node.js 20.
var MINIMUMS = { 22: 19, 24: 6 };
var NEWEST = 24;

var path = require('path');
var fs = require('fs');
var url = require('url');

var version = process.versions.node.split('.').map(Number);
if (version[0] <= NEWEST && !(version[1] >= MINIMUMS[version[0]])) {
  process.stderr.write(
    'edge-gateway needs Node.js 22.19, 24.6 or newer and this is ' +
      process.versions.node +
      ': install Node.js 24, or run "npm ci" in the project folder, which brings its own.\n',
  );
  process.exit(1);
}

// What a library should no longer call is news to its authors, not to those who read the gateway's log. Node.js itself keeps quiet only
// about code below node_modules, and a bundle is not there.
process.noDeprecation = true;

// What was compiled (`npm run build`, which `npm ci` does too) starts faster and needs 30 MB less than the source, whose
// types Node.js has to strip. A clone whose source has changed since runs from the source.
var root = path.join(__dirname, '..');
var compiled = path.join(root, 'dist', 'src', 'main.js');
var source = path.join(root, 'src', 'main.ts');

function newest(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).reduce(function (latest, entry) {
    var file = path.join(folder, entry.name);
    return Math.max(latest, entry.isDirectory() ? newest(file) : fs.statSync(file).mtimeMs);
  }, 0);
}

function isCurrent() {
  if (!fs.existsSync(compiled)) return false;
  if (!fs.existsSync(source)) return true;
  var built = fs.statSync(compiled).mtimeMs;
  return newest(path.join(root, 'src')) <= built && newest(path.join(root, 'simulator')) <= built;
}

import(url.pathToFileURL(isCurrent() ? compiled : source).href);
