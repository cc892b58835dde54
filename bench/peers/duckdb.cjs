// DuckDB for bench/compare: node duckdb.cjs WORK FOLDER THREADS OUT
//
// count    how many rows the files have
// typed    every column of every row is looked at: numbers are added up, texts measured, the largest moment taken
// csv      all rows into one CSV file
// parquet  all rows into one Parquet file
// rows     how many rows OUT has, a Parquet file
//
// Prints the number of rows. Types are found out by DuckDB, from a sample.
const { DuckDBInstance } = require("@duckdb/node-api");

const [work, folder, threads, out] = process.argv.slice(2);
const source = `read_csv('${folder}/*.csv*')`;

function measure(name, type) {
    const column = `"${name}"`;
    if (/INT|DOUBLE|DECIMAL/.test(type)) return `sum(${column})`;
    if (type === "BOOLEAN") return `count_if(${column})`;
    return type === "VARCHAR" ? `sum(strlen(${column}))` : `max(${column})`;
}

async function rows(connection, query) {
    const result = await connection.runAndReadAll(query);
    return String(result.getRows()[0][0]);
}

async function main() {
    const instance = await DuckDBInstance.create(":memory:", { threads });
    const connection = await instance.connect();
    if (work === "rows") return rows(connection, `SELECT count(*) FROM read_parquet('${out}')`);
    if (work === "count") return rows(connection, `SELECT count(*) FROM ${source}`);
    if (work === "typed") {
        const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${source}`);
        const columns = described.getRowObjects().map((row) => measure(row.column_name, row.column_type));
        return rows(connection, `SELECT count(*), ${columns.join(", ")} FROM ${source}`);
    }
    const format = work === "csv" ? "FORMAT csv, HEADER" : "FORMAT parquet, COMPRESSION zstd";
    return rows(connection, `COPY (SELECT * FROM ${source}) TO '${out}' (${format})`);
}

main().then(console.log);
