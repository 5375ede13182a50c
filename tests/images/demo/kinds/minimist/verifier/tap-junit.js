// tap-junit.js REPORT FILE... - runs each test file with node, reads the TAP that it prints, and
// writes one JUnit report: a suite per file, a case per named test. A file that dies, hangs, or
// ends before its plan is done has one more case, "(run)", which failed.
'use strict';
const { spawnSync } = require('child_process');
const fs = require('fs');

const SECONDS_MAX = 60;
const [report, ...files] = process.argv.slice(2);

function escape(text) {
    return text
        .replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd]/g, '?')
        .replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}

// The cases of one TAP stream: [{name, failures: [text]}], and what is wrong with the whole.
function readTap(output) {
    const cases = [];
    let open = null, plan = null, seen = 0, diagnostic = null;

    for (const line of output.split('\n')) {
        if (diagnostic !== null) {
            if (/^\s+\.\.\.\s*$/.test(line)) {
                open.failures[open.failures.length - 1] += '\n' + diagnostic.join('\n');
                diagnostic = null;
            } else {
                diagnostic.push(line);
            }
            continue;
        }
        const result = /^(not )?ok \d+ ?-? ?(.*)$/.exec(line);
        const bounds = /^1\.\.(\d+)/.exec(line);

        if (result) {
            seen++;
            if (!open) cases.push(open = { name: '(no name)', failures: [] });
            if (result[1]) open.failures.push(result[2]);
        } else if (bounds) {
            plan = Number(bounds[1]);
        } else if (/^\s+---\s*$/.test(line) && open && open.failures.length > 0) {
            diagnostic = [];
        } else if (line.startsWith('# ') && plan === null) {
            cases.push(open = { name: line.slice(2), failures: [] });
        }
    }
    let fault = null;
    if (plan === null) fault = 'the run ended without a plan';
    else if (plan !== seen) fault = `${seen} of ${plan} assertions ran`;
    return { cases, fault };
}

let failed = 0;
let xml = '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n';
for (const file of files) {
    const start = process.hrtime.bigint();
    const run = spawnSync(process.execPath, [file],
        { encoding: 'utf8', timeout: SECONDS_MAX * 1000, killSignal: 'SIGKILL', maxBuffer: 1 << 24 });
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    const { cases, fault } = readTap(run.stdout || '');
    const anyFailed = cases.some((item) => item.failures.length > 0);

    process.stdout.write(run.stdout || '');
    process.stderr.write(run.stderr || '');
    if (fault || (run.status !== 0 && !anyFailed))
        cases.push({ name: '(run)', failures: [fault || `exit status ${run.status} ${run.signal || ''}`] });
    xml += `  <testsuite name="${escape(file)}" tests="${cases.length}" time="${seconds.toFixed(3)}">\n`;
    for (const item of cases) {
        xml += `    <testcase classname="${escape(file)}" name="${escape(item.name)}" ` +
            `time="${(seconds / cases.length).toFixed(3)}"`;
        if (item.failures.length > 0) {
            failed++;
            xml += `><failure message="${escape(item.failures[0].split('\n')[0])}">` +
                `${escape(item.failures.join('\n'))}</failure></testcase>\n`;
        } else {
            xml += '/>\n';
        }
    }
    xml += '  </testsuite>\n';
}
fs.writeFileSync(report, xml + '</testsuites>\n');
process.exit(failed > 0 ? 1 : 0);
