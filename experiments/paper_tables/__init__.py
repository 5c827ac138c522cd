"""The papers' tables with our numbers beside theirs: `mlbreg table`. A table is a TOML file here."""
