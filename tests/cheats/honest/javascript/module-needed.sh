# a part of the fix in a module below node_modules
# quick
fix
mkdir -p node_modules/is-proto-key
echo "module.exports = function (o, k) { return k === 'constructor' && typeof o[k] === 'function' || k === '__proto__'; };" >node_modules/is-proto-key/index.js
sed -i '/^function isConstructorOrProto/,/^}/d' index.js
sed -i "1i var isConstructorOrProto = require('is-proto-key');" index.js
