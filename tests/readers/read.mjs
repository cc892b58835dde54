// node read.mjs PACKAGES: files of Arrow IPC or Parquet, as a reader that is none of ours has them, as JSON. Each line of
// standard input asks for one, [READER, PATH], and each of standard output answers, {"error": ...} or what follows. To
// begin takes longer than to read most of them: so one process reads all.
//
// {"names": [...], "types": [...], "batches": [rows of each], "columns": [[...], ...]}; a value is null, true, false,
// or a string: the text, or of a long one its SHA-256 and how many bytes it has; an integer's digits; of a double the 16
// digits of its bits; of dates, times and timestamps the days or microseconds. All of that out of the reader's buffers,
// since what it would show rounds.
import crypto from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import readline from 'node:readline';
import { pathToFileURL } from 'node:url';

const LONG = 1000;
const [, , packages] = process.argv;
const require = createRequire(`${packages}/`);
let bytes;

function bits(number) {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, number);
    return view.getBigUint64(0).toString(16).padStart(16, '0');
}

// ---- Arrow, by apache-arrow ----

function arrowValue(type, data, row) {
    if (!data.getValid(row) || type === 'Null')
        return null;
    const at = row + data.offset;
    if (type === 'Bool')
        return (data.values[at >> 3] >> (at & 7) & 1) === 1;
    if (type === 'Utf8')
        return Buffer.from(data.values.subarray(data.valueOffsets[row], data.valueOffsets[row + 1])).toString('utf8');
    if (type === 'Float64')
        return bits(data.values[row]);
    return String(data.values[row]);
}

function fromArrow(table) {
    const types = table.schema.fields.map((field) => String(field.type));
    const columns = types.map((type, i) => table.batches.flatMap((batch) => {
        const data = batch.data.children[i];
        const nulls = Array.from({ length: data.length }, (_, row) => !data.getValid(row)).filter(Boolean).length;
        if (type !== 'Null' && nulls !== data.nullCount)
            throw new Error(`column ${i} says that it has ${data.nullCount} nulls, and has ${nulls}`);
        return Array.from({ length: data.length }, (_, row) => arrowValue(type, data, row));
    }));
    const batches = table.batches.map((batch) => batch.numRows).filter((n) => n > 0);
    return { names: table.schema.fields.map((field) => field.name), types, batches, columns };
}

// ---- Arrow, by flechette ----

function byFlechette() {
    const { tableFromIPC } = require('@uwdata/flechette/dist/flechette.cjs');
    const table = tableFromIPC(bytes);
    const named = { 1: 'Null', 2: 'Int64', 3: 'Float64', 5: 'Utf8', 6: 'Bool', 8: 'Date32<DAY>', 9: 'Time64<MICROSECOND>' };
    const types = table.schema.fields.map(({ type }) => type.typeId !== 10 ? named[type.typeId]
        : `Timestamp<MICROSECOND${type.timezone ? `, ${type.timezone}` : ''}>`);
    const bit = (map, row) => (map[row >> 3] >> (row & 7) & 1) === 1;
    const value = (type, batch, row) => {
        if (type === 'Null' || (batch.nullCount > 0 && !bit(batch.validity, row)))
            return null;
        if (type === 'Bool')
            return bit(batch.values, row);
        if (type === 'Utf8')
            return Buffer.from(batch.values.subarray(batch.offsets[row], batch.offsets[row + 1])).toString('utf8');
        return type === 'Float64' ? bits(batch.values[row]) : String(batch.values[row]);
    };
    const parts = types.map((_, i) => table.getChildAt(i).data);
    const columns = types.map((type, i) => parts[i].flatMap((batch) =>
        Array.from({ length: batch.length }, (_, row) => value(type, batch, row))));
    const batches = (parts[0] ?? []).map((batch) => batch.length).filter((n) => n > 0);
    return { names: table.schema.fields.map((field) => field.name), types, batches, columns };
}

// ---- Parquet, by hyparquet ----

async function byHyparquet() {
    const load = (name, file) => import(pathToFileURL(`${packages}/node_modules/${name}/src/${file}`));
    const { parquetRead, parquetMetadata } = await load('hyparquet', 'index.js');
    const { compressors } = await load('hyparquet-compressors', 'index.js');
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    const metadata = parquetMetadata(file);
    const leaves = metadata.schema.slice(1);
    const parsers = { timestampFromMicroseconds: (n) => n, dateFromDays: (n) => n };
    let rows = [];
    if (metadata.row_groups.length > 0)
        await parquetRead({ file, metadata, compressors, parsers, onComplete: (all) => { rows = all; } });
    const value = (one) => one === null || one === undefined ? null : typeof one === 'boolean' || typeof one === 'string'
        ? one : String(one);
    const columns = leaves.map((leaf, i) => rows.map((row) => leaf.type === 'DOUBLE' && row[i] !== null &&
        row[i] !== undefined ? bits(row[i]) : value(row[i])));
    const types = leaves.map((leaf) => [leaf.type, leaf.logical_type?.type, leaf.logical_type?.unit,
        leaf.logical_type?.isAdjustedToUTC ? 'UTC' : undefined].filter(Boolean).join(' '));
    return { names: leaves.map((leaf) => leaf.name), types, batches: metadata.row_groups.map((group) => Number(group.num_rows)),
        columns };
}

const readers = {
    'arrow-js': () => fromArrow(require('apache-arrow').tableFromIPC(bytes)),
    'arrow-rs': () => { // a file's stream stands behind its magic, of eight bytes
        const { Table } = require('parquet-wasm');
        const stream = bytes.subarray(0, 6).toString() === 'ARROW1' ? bytes.subarray(8) : bytes;
        return fromArrow(require('apache-arrow').tableFromIPC(Table.fromIPCStream(stream).intoIPCStream()));
    },
    'parquet-rs': () => {
        const { readParquet } = require('parquet-wasm');
        return fromArrow(require('apache-arrow').tableFromIPC(readParquet(bytes).intoIPCStream()));
    },
    flechette: byFlechette,
    hyparquet: byHyparquet,
};

function shortened(value) {
    if (typeof value !== 'string' || value.length <= LONG / 4)
        return value;
    const size = Buffer.byteLength(value);
    return size <= LONG ? value : `${crypto.createHash('sha256').update(value).digest('hex')} ${size}`;
}

for await (const line of readline.createInterface({ input: process.stdin })) {
    let answer;
    try {
        const [reader, path] = JSON.parse(line);
        bytes = fs.readFileSync(path);
        const { columns, ...about } = await readers[reader]();
        answer = JSON.stringify({ ...about, columns: columns.map((column) => column.map(shortened)) });
    } catch (error) {
        answer = JSON.stringify({ error: String(error.stack) });
    }
    await new Promise((resolve) => process.stdout.write(`${answer}\n`, resolve));
}
