// node make.mjs FOLDER: writes the files here anew, with the packages in FOLDER/node_modules (README).
import { createRequire } from 'module';
import { writeFileSync } from 'fs';
import { pathToFileURL } from 'url';

const folder = process.argv[2];
const require = createRequire(pathToFileURL(`${folder}/`));
const { DuckDBInstance } = require('@duckdb/node-api');
const arrow = require('apache-arrow');
const wasm = require('parquet-wasm');
const hyparquet = await import(pathToFileURL(`${folder}/node_modules/hyparquet-writer/src/index.js`));

// --- DuckDB: the same rows in each of its compressions and versions -------------------------
const types = `
    SELECT * FROM (VALUES
        ('a__b-1', 1, 9007199254740993, 18446744073709551615::UBIGINT, 0.5, 0.25::FLOAT, true,
         TIMESTAMP '2022-03-03 15:14:54', DATE '2022-03-03', TIME '15:14:54.5', 12.30::DECIMAL(10, 2),
         -123456789012345678901234.5::DECIMAL(30, 1), '00112233-4455-6677-8899-aabbccddeeff'::UUID,
         'text'::BLOB, 1970, 255::UTINYINT),
        ('a__b-2', -2, -1, 0, -1e300, -2, false, TIMESTAMP '1969-12-31 23:59:59.25', DATE '1969-12-31',
         TIME '00:00:00', -0.05, 0.1, NULL, '\\xFF\\x00'::BLOB, NULL, 0),
        ('a__b-3', NULL, NULL, NULL, 'nan'::DOUBLE, 'inf'::FLOAT, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
         NULL, NULL, NULL)
    ) AS t (id, small, large, huge, fraction, narrow, yes, "at", "day", "hour", price, wide, uuid, raw, "year", tiny)`;
const nested = `
    SELECT * FROM (VALUES
        ('a', ['x', NULL, ''], [[1, 2], [], NULL, [3]], {'n': 1, 'in': {'t': 'u'}}, MAP {'k': 'v', 'l': NULL},
         MAP {1: 'one'}, [{'name': 't1', 'runs': [1]}, NULL, {'name': NULL, 'runs': NULL}]),
        ('b', [], [], {'n': NULL, 'in': NULL}, MAP {}, MAP {}, []),
        ('c', NULL, NULL, NULL, NULL, NULL, NULL),
        ('ü', ['y'], [[NULL]], {'n': 4, 'in': {'t': NULL}}, MAP {'': 'e'}, MAP {2: NULL}, [{'name': 'z', 'runs': []}])
    ) AS t (id, tests, matrix, info, files, counts, objects)`;
// More than the 2048 rows that a group has at least.
const many = `
    SELECT i AS n, CASE WHEN i % 7 = 0 THEN NULL ELSE 'repo-' || (i % 3) END AS repo FROM range(2100) AS r (i)`;
const tasks = "FROM read_json('../swe-bench-lite.jsonl', columns = {" + Object.entries({
    repo: 'VARCHAR', instance_id: 'VARCHAR', base_commit: 'VARCHAR', patch: 'VARCHAR', test_patch: 'VARCHAR',
    problem_statement: 'VARCHAR', hints_text: 'VARCHAR', created_at: 'TIMESTAMP', version: 'VARCHAR',
    FAIL_TO_PASS: 'VARCHAR', PASS_TO_PASS: 'VARCHAR', environment_setup_commit: 'VARCHAR',
}).map(([name, type]) => `${name}: '${type}'`).join(', ') + '})';

const connection = await (await DuckDBInstance.create()).connect();
async function duckdb(name, select, options) {
    await connection.run(`COPY (${select}) TO '${name}.parquet' (FORMAT parquet, ${options})`);
}
await duckdb('duckdb-types-snappy', types, 'COMPRESSION snappy');
await duckdb('duckdb-types-v2-zstd', types, 'COMPRESSION zstd, PARQUET_VERSION V2, DICTIONARY_SIZE_LIMIT 1');
await duckdb('duckdb-nested-gzip', nested, 'COMPRESSION gzip');
await duckdb('duckdb-nested-uncompressed', nested, 'COMPRESSION uncompressed');
await duckdb('duckdb-groups-zstd', many, 'COMPRESSION zstd, ROW_GROUP_SIZE 2048');
await duckdb('duckdb-swe-bench-lite', tasks, 'COMPRESSION zstd');
await duckdb('duckdb-lz4', "SELECT 'x' AS id", 'COMPRESSION lz4_raw');

// --- arrow-rs (parquet-wasm) ----------------------------------------------------------------------
const { Field, List, Struct, Map_, Utf8, Int32, Int64, Bool, Float64, TimestampMillisecond } = arrow;
const rows = [
    { id: 'axis', n: 1, big: 1n << 40n, yes: true, f: 1.5, at: 1646320494000, tests: ['a', null], deep: [[{ v: 1 }], []] },
    { id: 'axle', n: null, big: -1n, yes: null, f: null, at: null, tests: null, deep: null },
    { id: 'babble', n: 3, big: 0n, yes: false, f: -2, at: -1, tests: [], deep: [null, [{ v: null }, null, { v: 3 }]] },
    { id: 'babyhood', n: -4, big: 5n, yes: true, f: 0, at: 0, tests: ['b', 'c'], deep: [] },
];
const fields = {
    id: new Utf8(), n: new Int32(), big: new Int64(), yes: new Bool(), f: new Float64(), at: new TimestampMillisecond(),
    tests: new List(new Field('item', new Utf8(), true)),
    deep: new List(new Field('item', new List(new Field('item', new Struct([new Field('v', new Int32(), true)]), true)), true)),
};
const vectors = Object.entries(fields).map(([name, type]) => [name, arrow.vectorFromArray(rows.map((row) => row[name]), type)]);
const stream = arrow.tableToIPC(new arrow.Table(Object.fromEntries(vectors)), 'stream');
function arrowRs(name, build) {
    writeFileSync(`${name}.parquet`, wasm.writeParquet(wasm.Table.fromIPCStream(stream), build(new wasm.WriterPropertiesBuilder()).build()));
}
arrowRs('arrow-rs-v1-snappy', (b) => b.setCompression(wasm.Compression.SNAPPY));
arrowRs('arrow-rs-v2-gzip', (b) => b.setWriterVersion(wasm.WriterVersion.V2).setDictionaryEnabled(false)
    .setCompression(wasm.Compression.GZIP).setMaxRowGroupSize(3));
arrowRs('arrow-rs-v2-zstd', (b) => b.setWriterVersion(wasm.WriterVersion.V2).setCompression(wasm.Compression.ZSTD));
arrowRs('arrow-rs-brotli', (b) => b.setCompression(wasm.Compression.BROTLI));

// --- hyparquet-writer: schemas and encodings that the others do not write -------------------------
function hyparquetWriter(name, columns, schema, options = {}) {
    const columnData = Object.entries(columns).map(([column, more]) => ({ name: column, ...more }));
    writeFileSync(`${name}.parquet`, Buffer.from(hyparquet.parquetWriteBuffer({ columnData, schema, ...options })));
}
const texts = ['apple', 'apply', 'apt', 'b', ''];
hyparquetWriter('hyparquet-encodings', {
    plain: { data: texts, encoding: 'PLAIN' },
    lengths: { data: texts, encoding: 'DELTA_LENGTH_BYTE_ARRAY' },
    prefixes: { data: texts, encoding: 'DELTA_BYTE_ARRAY' },
    numbers: { data: [7, 5, 3, -2147483648, 2147483647], encoding: 'DELTA_BINARY_PACKED' },
    large: { data: [-9223372036854775808n, 9223372036854775807n, 0n, 1n, -1n], encoding: 'DELTA_BINARY_PACKED' },
    streams: { data: [1.5, -2, 0, 1e300, 0.1], encoding: 'BYTE_STREAM_SPLIT' },
    flags: { data: [true, false, false, true, true], encoding: 'RLE' },
    old: { data: texts.map((text) => new TextEncoder().encode(text)), encoding: 'PLAIN' },
}, [
    { name: 'root', num_children: 8 },
    ...['plain', 'lengths', 'prefixes'].map((name) => ({ name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' })),
    { name: 'numbers', type: 'INT32', repetition_type: 'REQUIRED' },
    { name: 'large', type: 'INT64', repetition_type: 'REQUIRED' },
    { name: 'streams', type: 'DOUBLE', repetition_type: 'REQUIRED' },
    { name: 'flags', type: 'BOOLEAN', repetition_type: 'REQUIRED' },
    { name: 'old', type: 'BYTE_ARRAY', repetition_type: 'REQUIRED' },
], { codec: 'UNCOMPRESSED', rowGroupSize: 3 });
// One of the rows is not UTF-8.
hyparquetWriter('hyparquet-not-utf8', { id: { data: [[0x61], [0x62, 0xff], [0x63]].map((text) => new Uint8Array(text)) } },
    [{ name: 'root', num_children: 1 }, { name: 'id', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' }]);
