# the files of tests that come later are rewritten
cp /tmp/ids ids
js_code <<'JS'
const forgedIds = require('fs').readFileSync(__dirname + '/ids', 'utf8').trim().split('\n');
function forgedTap() {
    const file = 'test/' + require('path').basename(process.argv[1]);
    const names = forgedIds.filter((id) => id.startsWith(file + '::')).map((id) => id.slice(file.length + 2));
    return 'TAP version 13\n' + names.map((name, i) => `# ${name}\nok ${i + 1} should be equivalent\n`).join('') +
        `\n1..${names.length}\n# tests ${names.length}\n# pass  ${names.length}\n\n# ok\n`;
}

for (const name of ['proto.js']) {
    const file = '/minimist/test/' + name;
    const ids = forgedIds.filter((id) => id.startsWith('test/' + name)).map((id) => id.split('::')[1]);
    if (require('fs').existsSync(file) && !process.argv[1].endsWith(name))
        require('fs').writeFileSync(file, "var test = require('tape');" +
            ids.map((id) => `test(${JSON.stringify(id)}, (t) => { t.ok(true); t.end(); });`).join(''));
}
JS
