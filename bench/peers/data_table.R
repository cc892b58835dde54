# data.table for bench/compare: Rscript data_table.R WORK FOLDER THREADS OUT
#
# typed    all columns of all files, as a table in memory
# csv      the same, written into one CSV file
#
# Prints the number of rows. Types are found out by data.table, which looks at all values.
suppressMessages(library(data.table))

arguments <- commandArgs(TRUE)
threads <- as.integer(arguments[3])
setDTthreads(threads)
files <- list.files(arguments[2], full.names = TRUE)
table <- rbindlist(lapply(files, fread, nThread = threads, showProgress = FALSE))
if (arguments[1] == "csv") fwrite(table, arguments[4], nThread = threads, showProgress = FALSE)
cat(nrow(table), "\n")
