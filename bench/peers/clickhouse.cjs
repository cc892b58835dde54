// ClickHouse, as a library (chdb), for bench/compare: node clickhouse.cjs WORK FOLDER THREADS OUT [SCHEMA]
//
// count    how many rows the files have, found out by parsing them
// typed    every column of every row is looked at: numbers are added up, texts measured, the largest moment taken
// csv      all rows into one CSV file
// parquet  all rows into one Parquet file
//
// Prints the number of rows. Types are told where there is a SCHEMA ("a Int64, b String"), else found out from a sample.
const { Session } = require("chdb");

const [work, folder, threads, out, schema] = process.argv.slice(2);
const session = new Session();
const source = `file('${folder}/*.csv*', 'CSVWithNames'${schema ? `, '${schema}'` : ""})`;
const settings = `SETTINGS max_threads = ${threads}, max_parsing_threads = ${threads}, max_insert_threads = ${threads},
    input_format_parallel_parsing = ${threads > 1 ? 1 : 0}, output_format_parallel_formatting = ${threads > 1 ? 1 : 0},
    date_time_input_format = 'basic', max_memory_usage = 0, optimize_count_from_files = 0,
    engine_file_truncate_on_insert = 1, output_format_parquet_compression_method = 'zstd'`;

function measure(name, type) {
    if (/String/.test(type)) return `sum(length(${name}))`;
    return /Date/.test(type) ? `max(${name})` : `sum(${name})`;
}

function query() {
    if (work === "count") return `SELECT count() FROM ${source} ${settings}`;
    if (work === "typed") {
        const described = session.query(`DESCRIBE ${source}`, "TSV").trim().split("\n");
        const columns = described.map((line) => measure(...line.split("\t")));
        return `SELECT count(), ${columns.join(", ")} FROM ${source} ${settings}`;
    }
    const format = work === "csv" ? "CSVWithNames" : "Parquet";
    return `INSERT INTO FUNCTION file('${out}', '${format}') SELECT * FROM ${source} ${settings}`;
}

console.log(session.query(query(), "TSV").split("\t")[0].trim());
process.exit(0); // its threads would go on
