# a part of the fix in a second file
fix
mkdir lib
echo "module.exports = function (o, k) { return k === 'constructor' && typeof o[k] === 'function' || k === '__proto__'; };" >lib/proto-key.js
sed -i '/^function isConstructorOrProto/,/^}/d' index.js
sed -i "1i var isConstructorOrProto = require('./lib/proto-key');" index.js
