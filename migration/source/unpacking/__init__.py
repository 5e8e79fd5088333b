"""Files that hold a database in another form: SQL dumps, and what gzip or zstd has made of a dump or a database."""
