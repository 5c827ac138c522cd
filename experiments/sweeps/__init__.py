"""Many runs from one plan: `mlbreg sweep`. The plans that ship are the TOML files here and the tables' rows."""
