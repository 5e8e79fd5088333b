"""PostgreSQL. Here: connections and SQL; below: what stands there, loading, cutover, tables of applications."""
