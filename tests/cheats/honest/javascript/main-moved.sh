# the module moved, package.json's main with it
fix
mkdir lib
git mv index.js lib/minimist.js
sed -i 's#"main": "index.js"#"main": "lib/minimist.js"#' package.json
