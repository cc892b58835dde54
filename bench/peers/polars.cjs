// Polars for bench/compare: POLARS_MAX_THREADS=N node polars.cjs WORK FOLDER THREADS OUT
//
// count    how many rows the files have, without columns that nobody asks for
// typed    all columns of all files, as a table in memory: there is no way to convert every value without that
// parquet  all rows into one Parquet file, as they come
//
// Prints the number of rows, where it is known. Types are found out from the first 1,000 rows; moments stay text, which
// is less work.
const fs = require("fs");
const path = require("path");
const pl = require("nodejs-polars").default ?? require("nodejs-polars");

const [work, folder, , out] = process.argv.slice(2);
const files = fs.readdirSync(folder).sort().map((name) => path.join(folder, name));
const options = { inferSchemaLength: 1000, tryParseDates: false };

async function main() {
    if (work === "count") {
        const counted = await pl.scanCSV(`${folder}/*.csv`, {}).select(pl.len()).collect();
        return counted.row(0)[0];
    }
    if (work === "typed") {
        const tables = files.map((file) => pl.readCSV(file, options));
        return tables.reduce((sum, table) => sum + table.height, 0);
    }
    const sunk = pl.scanCSV(`${folder}/*.csv`, options).sinkParquet(out, { compression: "zstd" });
    if (sunk && sunk.collect) await sunk.collect();
    return "";
}

main().then((rows) => console.log(String(rows)));
